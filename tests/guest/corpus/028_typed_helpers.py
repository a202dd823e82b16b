# search
from typing import Any, Iterator, Optional, TypedDict

class Hit(TypedDict):
    method: str
    path: str
    summary: Optional[str]

def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method, op in methods.items():
            yield path, method, op

async def search(limit: int = 10) -> list[Hit]:
    hits: list[Hit] = []
    for path, method, op in operations():
        if "certificate" in (op.get("summary") or "").lower():
            hits.append({"method": method, "path": path, "summary": op.get("summary")})
        if len(hits) >= limit:
            break
    return hits
