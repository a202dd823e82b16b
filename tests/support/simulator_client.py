"""A client of the simulated API in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from pymode.simulator import State, create_app

BASE = "http://simulator/client/v4"


class Api:
    """A client of an app in this process, with one event loop for each request.

    Args:
        state: what the app serves; None makes a fresh one.
        token: sent as a bearer token; None sends none.
    """

    def __init__(self, state: State | None = None, token: str | None = "simulated-test") -> None:
        self.state = state or State.seeded()
        self.app = create_app(self.state)
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def as_token(self, token: str) -> Api:
        return Api(self.state, token)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, BASE + path, **options)

        return asyncio.run(send())

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, headers=self.headers)

    def result(self, method: str, path: str, **options: Any) -> Any:
        response = self.send(method, path, **options)
        assert response.json()["success"] is True, response.text
        return response.json()["result"]

    def refusal(self, method: str, path: str, **options: Any) -> tuple[int, int]:
        response = self.send(method, path, **options)
        envelope = response.json()
        assert envelope["success"] is False
        assert envelope["result"] is None
        return response.status_code, envelope["errors"][0]["code"]

    @property
    def account(self) -> str:
        return f"/accounts/{next(iter(self.state.accounts))}"

    def zone(self, name: str = "example.com") -> str:
        return next(f"/zones/{key}" for key, zone in self.state.zones.items() if zone.name == name)

    def namespace(self, title: str) -> str:
        base = f"{self.account}/storage/kv/namespaces"
        found = self.result("GET", base)
        return next(f"{base}/{one['id']}" for one in found if one["title"] == title)
