# search
from dataclasses import dataclass, field, asdict

@dataclass(order=True)
class Endpoint:
    path: str
    method: str
    summary: str = ""
    tags: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.method.upper():<6} {self.path}"

async def main():
    endpoints = [
        Endpoint(path, method, op.get("summary", ""), list(op.get("tags", ())))
        for path, ops in spec["paths"].items()
        for method, op in ops.items()
        if "tunnel" in path
    ]
    return [asdict(e) | {"label": e.label} for e in sorted(endpoints)[:5]]
