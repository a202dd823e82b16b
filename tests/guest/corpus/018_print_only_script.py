# search
for path, ops in spec["paths"].items():
    if "zones" in path and "settings" in path:
        print(", ".join(sorted(ops)).upper(), path)
