"""The guest's contract is shown against the real sandbox and the simulated API over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from simulated_api import API, Open

from pymode.codemode import CodeMode
from pymode.simulator import running


@pytest.fixture(scope="module")
def running_api() -> Iterator[API]:
    with running() as url:
        yield API(url)


@pytest.fixture
def api(running_api: API) -> API:
    """Give the simulated API with an empty record."""
    running_api.clear()
    return running_api


@pytest.fixture(scope="module")
def open_code_mode(user_folders: Path, running_api: API) -> Open:
    """Give what opens a sandbox with the simulated API behind it."""

    @asynccontextmanager
    async def opened(**options: Any) -> AsyncIterator[CodeMode]:
        usual = {"base_url": running_api.url, "token": "simulated-token", "workers": 1}
        spec = options.pop("spec", "cloudflare")
        async with CodeMode(spec, **(usual | options)) as code_mode:
            yield code_mode

    return opened


@pytest.fixture(scope="module")
async def cloudflare(open_code_mode: Open) -> AsyncIterator[CodeMode]:
    """Give a sandbox with the simulated API behind it, with the usual limits."""
    async with open_code_mode() as opened:
        await opened.prepare()
        yield opened
