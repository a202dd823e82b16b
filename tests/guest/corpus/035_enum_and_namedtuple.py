# search
from enum import Enum, StrEnum, auto
from typing import NamedTuple

class Risk(StrEnum):
    LOW = auto()
    HIGH = auto()

class Row(NamedTuple):
    method: str
    path: str
    risk: Risk

    def __str__(self):
        return f"{self.method}:{self.path}"

async def main():
    rows = [
        Row(m.upper(), p, Risk.HIGH if m in {"delete", "put"} else Risk.LOW)
        for p, ops in spec["paths"].items() for m in ops
    ]
    return [r._asdict() for r in rows if r.risk is Risk.HIGH][:5]
