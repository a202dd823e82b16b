# execute
class Client:
    _instance = None

    def __new__(cls, *args, **kwargs):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __call__(self, path):
        return cloudflare.request("GET", path)

    def __getattr__(self, name):
        return lambda **q: cloudflare.request("GET", f"/{name}", query=q)

    def __eq__(self, other):
        return self is other

    def __bool__(self):
        return True

async def main():
    client = Client()
    a, b = await client("/zones"), await client.accounts(per_page=5)
    return {"same": Client() == client, "zones": len(a["result"]), "ok": b["success"]}
