"""The naive way: a fresh `python -c` for each call, without a sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers.peer import TOKEN
from benchmarks.programs import PROGRAMS

SEARCH = """\
import asyncio, json, sys
with open(sys.argv[1]) as file:
    spec = json.load(file)
{code}
print(json.dumps(asyncio.run(main())))
"""

EXECUTE = """\
import asyncio, json, os, sys

class api:
    @staticmethod
    async def request(method, path, query=None, body=None):
        answer = await client.request(method, path, params=query, json=body)
        answer.raise_for_status()
        return {{**answer.json(), "status": answer.status_code}}

{code}
async def run():
    global client
    import httpx
    headers = {{"Authorization": "Bearer " + os.environ["API_TOKEN"]}}
    async with httpx.AsyncClient(base_url=sys.argv[1], headers=headers, timeout=30) as client:
        return await main()

print(json.dumps(asyncio.run(run())))
"""


class Shell:
    def __init__(self, document: Path, base_url: str) -> None:
        self._document = document
        self._base_url = base_url

    async def run(self, program: str) -> object:
        code = PROGRAMS[program]
        if program == "execute-trivial":
            command = [code + "import asyncio\nprint(asyncio.run(main()))"]
        elif program.startswith("search-"):
            command = [SEARCH.format(code=code), str(self._document)]
        else:
            command = [EXECUTE.format(code=code), self._base_url]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", *command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "API_TOKEN": TOKEN},
        )
        answer, complaints = await process.communicate()
        if process.returncode:
            raise RuntimeError(complaints.decode()[-500:])
        return json.loads(answer)


class Naive:
    """A fresh Python process for each call."""

    name = "naive"
    title = "a fresh `python -c`, no sandbox"
    requires: tuple[str, ...] = ()
    cannot: Mapping[str, str] = {}
    by_query: frozenset[str] = frozenset()

    @asynccontextmanager
    async def open(self, document: Path, base_url: str, workers: int = 1) -> AsyncIterator[Shell]:
        yield Shell(document, base_url)
