# execute
async def main():
	res = await cloudflare.request("GET", "/zones")
	if res["success"]:
		return [z["name"] for z in res["result"]]
	return []
