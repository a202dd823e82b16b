# execute
response = await cloudflare.request("GET", "/user/tokens/verify")
response["result"]
