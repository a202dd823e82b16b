# execute
async def call(*segments, method="GET", **query):
    path = "/" + "/".join(map(str, segments))
    return await cloudflare.request(method, path, query=query or None)

async def main():
    args = ("zones",)
    opts = {"per_page": 5, "order": "name"}
    res = await call(*args, **opts)
    status = "ok" if res["success"] else "partial" if res.get("errors") else "failed"
    return [status, *(z["name"] for z in res["result"])]
