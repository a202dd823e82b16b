# search
async def main():
    return sorted({
        ctype
        for ops in spec["paths"].values()
        for op in ops.values()
        for resp in op.get("responses", {}).values()
        if isinstance(resp, dict)
        for ctype in (resp.get("content") or {})
    })
