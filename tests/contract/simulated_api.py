"""The simulated API as tests see it from outside, and a sandbox in front of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from pymode.codemode import CodeMode

Open = Callable[..., AbstractAsyncContextManager[CodeMode]]


class API:
    """The simulated API: where it is, and what it has seen.

    Args:
        url: its base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path (with the query, if there is one) of each request seen."""
        return [
            (one["method"], f"{one['path']}?{one['query']}".rstrip("?").partition("/v4")[2])
            for one in self._ask("GET", "requests")
        ]

    @property
    def most_in_flight(self) -> int:
        """How many requests there were at once, at most."""
        return int(self._ask("GET", "in-flight")["maximum"])

    def clear(self) -> None:
        """Forget the requests seen so far."""
        self._ask("DELETE", "requests")

    def _ask(self, method: str, name: str) -> Any:
        return httpx.request(method, f"{self.url}/simulator/{name}", trust_env=False).json()[
            "result"
        ]
