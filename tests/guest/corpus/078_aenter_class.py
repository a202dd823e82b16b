# execute
class Batch:
    def __init__(self, size=2):
        self.size, self.items, self.sent = size, [], 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc, tb):
        if exc_type is None:
            await self.flush()
        return False

    async def add(self, item):
        self.items.append(item)
        if len(self.items) >= self.size:
            await self.flush()

    async def flush(self):
        if self.items:
            await cloudflare.request("POST", f"/accounts/{account_id}/rules/lists/x/items", body=self.items)
            self.sent += len(self.items)
            self.items = []

async def main():
    async with Batch(size=2) as batch:
        for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            await batch.add({"ip": ip})
    return batch.sent
