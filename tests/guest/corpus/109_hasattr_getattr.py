# execute
async def main():
    res = await cloudflare.request("GET", "/user")
    fn = getattr(cloudflare, "request")
    extra = {}
    if hasattr(cloudflare, "get"):
        extra["get"] = True
    for attr, value in {"a": 1, "b": 2}.items():
        setattr(main, attr, value)
    return {"callable": callable(fn), "ok": res["success"], "ab": (getattr(main, "a", 0), getattr(main, "zz", None)), **extra}
