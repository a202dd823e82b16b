# search
async def main():
    counts = {"read": 0, "write": 0, "delete": 0, "other": 0}
    for ops in spec["paths"].values():
        for method in ops:
            match method.lower():
                case "get" | "head":
                    counts["read"] += 1
                case "post" | "put" | "patch":
                    counts["write"] += 1
                case "delete":
                    counts["delete"] += 1
                case _:
                    counts["other"] += 1
    return counts
