# execute
res = await cloudflare.request("GET", "/zones")
if not res["success"]:
    return {"errors": res["errors"]}
elif not res["result"]:
    return "no zones"
else:
    return [z["name"] for z in res["result"]]
