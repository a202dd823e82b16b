# execute
from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

@runtime_checkable
class Fetches(Protocol):
    async def fetch(self) -> list: ...

class Base(ABC):
    @abstractmethod
    async def fetch(self) -> list:
        ...

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.kind = cls.__name__.lower()

class Zones(Base):
    async def fetch(self):
        return (await cloudflare.request("GET", "/zones"))["result"]

async def main():
    z = Zones()
    return {"kind": z.kind, "fetches": isinstance(z, Fetches), "n": len(await z.fetch())}
