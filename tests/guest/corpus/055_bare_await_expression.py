# execute
await cloudflare.request("GET", "/accounts")
