# search
[
    f"{method.upper()} {path}"
    for path, ops in spec["paths"].items()
    for method in ops
    if "dns_records" in path
]
