# execute
async def main():
    response = await cloudflare.request("GET", "/zones", query={"per_page": 50})
    return [{"id": z["id"], "name": z["name"], "status": z.get("status")} for z in response["result"]]
