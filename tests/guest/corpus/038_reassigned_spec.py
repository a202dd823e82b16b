# search
spec = spec["paths"]
matches = {p: o for p, o in spec.items() if "healthcheck" in p}
return list(matches)
