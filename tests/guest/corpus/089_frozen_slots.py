# execute
from dataclasses import dataclass, replace, field
import dataclasses

@dataclass(frozen=True, slots=True)
class Record:
    name: str
    content: str
    ttl: int = 1
    tags: tuple[str, ...] = ()
    key: str = field(init=False, default="")

    def __post_init__(self):
        object.__setattr__(self, "key", f"{self.name}|{self.content}")

    def __hash__(self):
        return hash(self.key)

async def main():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]
    raw = (await cloudflare.request("GET", f"/zones/{zone['id']}/dns_records"))["result"]
    records = {Record(r["name"], r["content"], r.get("ttl", 1)) for r in raw}
    bumped = [replace(r, ttl=max(r.ttl, 300)) for r in records]
    return [dataclasses.asdict(r) for r in sorted(bumped, key=lambda r: r.key)]
