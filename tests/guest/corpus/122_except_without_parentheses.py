# execute 3.14
async def main():
    try:
        return (await cloudflare.request("GET", "/zones"))["result"][500]
    except IndexError, KeyError:
        return "none"
