# execute
async def main():
    response = await cloudflare.request({
        "method": "GET",
        "path": "/zones",
        "query": {"status": "active"},
    })
    return response["result"]
