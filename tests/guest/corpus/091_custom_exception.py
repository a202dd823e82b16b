# execute
class NotFound(LookupError):
    def __init__(self, what, **details):
        super().__init__(f"{what} not found")
        self.what = what
        self.details = details

async def get_zone(name):
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    for z in zones:
        if z["name"] == name:
            return z
    raise NotFound(name, known=[z["name"] for z in zones])

async def main():
    try:
        return await get_zone("missing.example")
    except NotFound as e:
        return {"error": str(e), "known": e.details["known"]}
