# execute
class Pager:
    def __init__(self, path, per_page=2, max_pages=3):
        self.path, self.per_page, self.max_pages = path, per_page, max_pages
        self.page = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.page += 1
        if self.page > self.max_pages:
            raise StopAsyncIteration
        res = await cloudflare.request("GET", self.path, query=dict(page=self.page, per_page=self.per_page))
        if not res["result"]:
            raise StopAsyncIteration
        return res["result"]

async def main():
    total = 0
    async for items in Pager("/zones"):
        total += len(items)
    return total
