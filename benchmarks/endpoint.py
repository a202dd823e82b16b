"""A model's endpoint over HTTP: the key, the requests and the retries."""

from __future__ import annotations

import asyncio
import os
import time
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from benchmarks.dialects import DIALECTS, Dialect, Reply

ANSWER_SECONDS = 300.0
ATTEMPTS = 5
MAX_PAUSE_SECONDS = 60.0
# Too many requests, a temporary fault, an overload: the same request may succeed later.
RETRYABLE_STATUSES = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
# The key, the address or the model is wrong, so every other request would fail, too.
FATAL_STATUSES = frozenset({401, 403, 404})


class EndpointError(Exception):
    """The endpoint did not answer with a turn of the model."""


class EndpointRefused(EndpointError):
    """Every request would fail: the key, the address or the name of the model is wrong."""


class Endpoint:
    """A model at its endpoint. Use it as an asynchronous context manager.

    Args:
        model: `openai:NAME` or `anthropic:NAME`.
        base_url: of the endpoint; None takes the provider's own.

    Raises:
        EndpointRefused: the model's name has another form, or there is no key.
    """

    def __init__(self, model: str, base_url: str | None) -> None:
        provider, _, self.model = model.partition(":")
        if provider not in DIALECTS or not self.model:
            raise EndpointRefused(f"--model is openai:NAME or anthropic:NAME, not {model!r}")
        self.dialect: Dialect = DIALECTS[provider]
        self._key = read_key(self.dialect.key_variable)
        self._url = (base_url or self.dialect.default_url).rstrip("/") + self.dialect.path
        self._http = httpx.AsyncClient(timeout=ANSWER_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    def clean(self, text: str) -> str:
        """Return a text without the key, because some endpoints repeat it in their errors."""
        return text.replace(self._key.get_secret_value(), "[key]")

    async def ask(self, body: dict[str, Any]) -> tuple[Any, Reply, float]:
        """Send one request, and send it again after temporary faults.

        Returns:
            The payload of the answer, the turn in it, and the seconds of the last attempt.

        Raises:
            EndpointRefused: every request would fail.
            EndpointError: this request failed.
        """
        failure = ""
        for attempt in range(ATTEMPTS):
            started = time.perf_counter()
            try:
                response = await self._http.post(
                    self._url, json=body, headers=self.dialect.carry(self._key.get_secret_value())
                )
            except httpx.TransportError as error:
                failure, pause = f"{type(error).__name__}: {error}", 2.0**attempt
            else:
                seconds = time.perf_counter() - started
                if response.is_success:
                    return *self._read(response), seconds
                failure = f"{response.status_code} {' '.join(response.text.split())[:300]}"
                if response.status_code in FATAL_STATUSES:
                    raise EndpointRefused(self.clean(f"the endpoint answered {failure}"))
                if response.status_code not in RETRYABLE_STATUSES:
                    raise EndpointError(self.clean(f"the endpoint answered {failure}"))
                pause = read_pause(response, 2.0**attempt)
            if attempt + 1 < ATTEMPTS:
                await asyncio.sleep(pause)
        raise EndpointError(self.clean(f"no answer in {ATTEMPTS} attempts, at last {failure}"))

    def _read(self, response: httpx.Response) -> tuple[Any, Reply]:
        try:
            payload = response.json()
            return payload, self.dialect.read(payload)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            words = f"{type(error).__name__} in {' '.join(response.text.split())[:300]}"
            raise EndpointError(
                self.clean(f"the endpoint does not keep to its protocol: {words}")
            ) from None


def read_key(variable: str) -> SecretStr:
    """Return the key in an environment variable.

    Raises:
        EndpointRefused: there is none, or no header can carry it.
    """
    key = SecretStr(os.environ.get(variable, "").strip())
    if not key:
        raise EndpointRefused(f"the key of the endpoint is read from {variable}, which is not set")
    # Checked here, because an HTTP client quotes a header that it cannot send in its error.
    if not all("!" <= letter <= "~" for letter in key.get_secret_value()):
        raise EndpointRefused(f"{variable} has characters that cannot be in a key")
    return key


def read_pause(response: httpx.Response, otherwise: float) -> float:
    """Return the seconds to wait: what `Retry-After` asks for, at most MAX_PAUSE_SECONDS."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        seconds = otherwise
    return min(max(seconds, 0.0), MAX_PAUSE_SECONDS)
