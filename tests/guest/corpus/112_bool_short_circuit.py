# execute
async def main():
    user = await cloudflare.request("GET", "/user")
    details = user.get("result") or {}
    first = details[0] if isinstance(details, list) and details else details
    return first and first.get("email", "unknown") or "none"
