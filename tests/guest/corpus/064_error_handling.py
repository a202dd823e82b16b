# execute
async def main():
    try:
        res = await cloudflare.request("GET", "/zones/not-a-zone/dns_records")
        return res["result"]
    except CloudflareError as e:
        return {"status": e.status, "errors": e.errors, "message": str(e), "type": type(e).__name__}
    except Exception as e:
        return {"unexpected": f"{e.__class__.__name__}: {e}"}
