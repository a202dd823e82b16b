# search
async def main():
    rows = [(m, p, o.get("operationId", "")) for p, ops in spec["paths"].items() for m, o in ops.items()]
    order = {m: i for i, m in enumerate(["get", "post", "put", "patch", "delete"])}
    rows.sort(key=lambda r: (order.get(r[0], 99), -len(r[1]), r[2]))
    return rows[:4] + rows[-1:]
