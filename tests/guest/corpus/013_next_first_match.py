# search
async def main():
    path, op = next(
        ((p, o["get"]) for p, o in spec["paths"].items() if "get" in o and "load_balancers" in p),
        (None, None),
    )
    return {"path": path, "operation": op and op.get("operationId")}
