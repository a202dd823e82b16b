# execute
async def main():
    return summarise(await cloudflare.request("GET", "/zones"))

def summarise(response):
    return {"n": len(response["result"]), "ok": response["success"]}
