"""pyeryx: CPython in WebAssembly, in the process of its caller.

The setup code of a SandboxFactory loads the document, so that it is in the snapshot. Each call gets
a fresh sandbox of that factory, which the documentation calls full isolation; a warm Session would
share state between calls. The factory is kept on disk, as pymode keeps its image.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.documents import cache_folder, write
from benchmarks.peers.peer import TOKEN
from benchmarks.programs import PROGRAMS

if TYPE_CHECKING:
    import eryx

# More than pymode's 256 MiB, because this limit includes the loaded document.
MEMORY_BYTES = 512 * 2**20

SETUP = """\
import asyncio, json
spec = json.loads({text!r})
"""

# Callbacks take only keyword arguments; `api` lets the programs call them as they call pymode.
EXECUTE = """\
class api:
    @staticmethod
    async def request(method, path, query=None, body=None):
        return await request(method=method, path=path, query=query or {}, body=body or {})

"""


class Sandboxes:
    def __init__(self, factory: eryx.SandboxFactory, threads: ThreadPoolExecutor) -> None:
        self._factory = factory
        self._threads = threads

    async def run(self, program: str) -> object:
        # Executing blocks its thread, without holding the GIL.
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, program)

    def _run(self, program: str) -> object:
        import eryx

        code = PROGRAMS[program] + "\nresult = await main()\n"
        if program.startswith("execute-"):
            code = EXECUTE + code
        limits = eryx.ResourceLimits(max_memory_bytes=MEMORY_BYTES)
        outcome = self._factory.create_sandbox(resource_limits=limits).execute(code)
        if outcome.result_error:
            raise RuntimeError(outcome.result_error)
        return outcome.result


def open_factory(document: Path, callbacks: list[dict[str, Any]]) -> eryx.SandboxFactory:
    """Return the factory with the document in it, from the cache or built now."""
    import eryx

    text = document.read_text()
    digest = hashlib.sha256((SETUP + text).encode()).hexdigest()[:12]
    file = cache_folder() / f"eryx-{version('pyeryx')}-{digest}.bin"
    if not file.is_file():
        setup = SETUP.format(text=text)
        factory = eryx.SandboxFactory(setup_code=setup, callbacks=callbacks)
        write(file, factory.to_bytes())
        return factory
    return eryx.SandboxFactory.load(file, callbacks=callbacks)


class Eryx:
    """pyeryx, a fresh sandbox for each call."""

    name = "eryx"
    title = "pyeryx, a fresh sandbox of a factory with the document"
    requires: tuple[str, ...] = ("pyeryx",)
    cannot: Mapping[str, str] = {}
    by_query: frozenset[str] = frozenset()

    @asynccontextmanager
    async def open(
        self, document: Path, base_url: str, workers: int = 1
    ) -> AsyncIterator[Sandboxes]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with (
            httpx.Client(base_url=base_url, headers=headers, timeout=30) as client,
            ThreadPoolExecutor(workers) as threads,
        ):
            # Eryx runs each callback in a thread of its own; one client is shared by all.
            def request(method: str, path: str, query: dict, body: dict) -> dict[str, Any]:
                answer = client.request(method, path, params=query, json=body or None)
                answer.raise_for_status()
                return {**answer.json(), "status": answer.status_code}

            callbacks = [{"name": "request", "fn": request, "description": "Sends a request."}]
            yield Sandboxes(open_factory(document, callbacks), threads)
