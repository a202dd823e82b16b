# execute
from urllib.parse import quote, urlencode
import urllib.parse as up

async def main():
    key = "folder/name with spaces.txt"
    path = f"/accounts/{account_id}/r2/buckets/assets/objects/{quote(key, safe='')}"
    print(urlencode({"a": 1, "b": "x y"}), up.urlsplit("https://example.com/a?b=c").query)
    try:
        return (await cloudflare.request("GET", path)).get("status")
    except CloudflareError as error:
        return error.status
