"""Sandboxes for attacks: small limits, so that a bomb is short."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attacks import SMALL

from pymode.codemode import CodeMode


@pytest.fixture(scope="module")
async def cell(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox with small limits and one worker; nothing listens where it sends requests."""
    base_url = "http://127.0.0.1:9/api"
    async with CodeMode("cloudflare", base_url=base_url, limits=SMALL, workers=1) as prepared:
        await prepared.prepare()
        yield prepared
