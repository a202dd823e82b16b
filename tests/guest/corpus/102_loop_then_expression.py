# execute
names = []
for page in range(1, 3):
    res = await cloudflare.request("GET", "/zones", query={"page": page})
    if not res["result"]:
        break
    names.extend(z["name"] for z in res["result"])
sorted(set(names))
