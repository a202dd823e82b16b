# search
main = lambda: [p for p in spec["paths"] if p.endswith("/purge_cache")]
