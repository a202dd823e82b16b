# execute
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, ParamSpec, TypeVar, cast, overload

T = TypeVar("T")
P = ParamSpec("P")
Method = Literal["GET", "POST"]
LIMIT: Final = 3

class Result(Generic[T]):
    kind: ClassVar[str] = "result"

    def __init__(self, value: T, meta: Mapping[str, Any] | None = None) -> None:
        self.value: T = value
        self.meta = meta or {}

def traced(fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[Result[T]]]:
    async def inner(*args: P.args, **kwargs: P.kwargs) -> Result[T]:
        return Result(await fn(*args, **kwargs), {"args": len(args)})
    return inner

@traced
async def get(path: Annotated[str, "path"], method: Method = "GET") -> Sequence[dict[str, Any]]:
    return cast(list, (await cloudflare.request(method, path))["result"])

async def main() -> dict[str, Any]:
    result = await get("/zones")
    return {"n": len(result.value[:LIMIT]), "meta": result.meta, "kind": Result.kind}
