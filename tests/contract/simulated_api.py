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
            if not one["path"].endswith("/simulator/rate-limit")
        ]

    @property
    def most_in_flight(self) -> int:
        """How many requests there were at once, at most."""
        return int(self._ask("GET", "in-flight")["maximum"])

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Those that are no reads."""
        return [(method, path) for method, path in self.requests if method != "GET"]

    def clear(self) -> None:
        """Forget the requests seen so far, and refuse none."""
        self.limit_rate(0)
        self._ask("DELETE", "requests")

    def limit_rate(self, requests: int, refusals: int = 1) -> None:
        """Refuse some requests after so many others; after 0 none is refused."""
        self._ask("PUT", "rate-limit", {"requests": requests, "refusals": refusals})

    def _ask(self, method: str, name: str, body: object = None) -> Any:
        url = f"{self.url}/simulator/{name}"
        return httpx.request(method, url, json=body, trust_env=False).json()["result"]
