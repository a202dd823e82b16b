"""What tests share: a cache folder that outlives the run, one backend, and a prepared sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pymode.codemode import CodeMode


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests (`pytest.mark.anyio`) and fixtures on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def user_folders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Give the session folders of its own; images stay in `.pytest_cache` for the next run."""
    kept = getattr(request.config, "cache", None)
    cache = Path(kept.mkdir("pymode")) if kept else tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield cache


@pytest.fixture(scope="module")
async def code_mode(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a prepared sandbox over the shipped spec with the usual limits, one for each module."""
    async with CodeMode("cloudflare", workers=2) as prepared:
        await prepared.prepare()
        yield prepared
