# search
def find_worker_endpoints():
    """List Workers script endpoints."""
    return sorted(
        {path for path in spec["paths"] if "/workers/scripts" in path},
        key=lambda p: (p.count("/"), p),
    )
