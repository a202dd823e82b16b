"""A command line with `--help` for discovery, behind one tool that runs bash.

Bash is no sandbox: a command can do whatever the user of this process can. Commands get an empty
folder, a small environment, and limits of time and output.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import types

from benchmarks.approaches.approach import TOKEN, Answer
from benchmarks.approaches.mcp_session import McpSession
from benchmarks.approaches.one_tool import serve_one_tool
from benchmarks.documents import REPOSITORY, Document

COMMAND_SECONDS = 30.0
OUTPUT_BYTES = 100_000


class CommandLine:
    name = "cli"
    title = "CLI with --help"
    requires = ("jmespath",)

    @asynccontextmanager
    async def open(self, document: Document, base_url: str | None) -> AsyncIterator[McpSession]:
        """Serve bash with `api` on its PATH."""
        tool = types.Tool(
            name="bash",
            description=f"Run a bash command. `api` calls the {document.namespace} API; "
            "`api --help` says how. python3 and coreutils are there.",
            input_schema={
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        )
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            programs = write_programs(place, document, base_url or document.server)
            environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": folder, "LANG": "C.UTF-8"}

            async def run(arguments: Mapping[str, Any]) -> Answer:
                return await run_bash(str(arguments.get("command", "")), place, environment)

            async with serve_one_tool(tool, run) as session:
                yield session


def write_programs(place: Path, document: Document, base_url: str) -> Path:
    """Put `api` and `python3` into a folder for the PATH, and return it."""
    folder = place / ".bin"
    folder.mkdir()
    python = shlex.quote(sys.executable)
    scripts = {
        "api": f"export API_TOKEN={TOKEN} API_URL={shlex.quote(base_url)} "
        f"PYTHONPATH={shlex.quote(str(REPOSITORY))}\n"
        f'exec {python} -m benchmarks.generated_cli {shlex.quote(str(document.path))} "$@"',
        "python3": f'exec {python} "$@"',
    }
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return folder


async def run_bash(command: str, place: Path, environment: Mapping[str, str]) -> Answer:
    """Run a command and return its output, followed by its exit status if it failed."""
    process = await asyncio.create_subprocess_exec(
        *("/bin/bash", "-c", command),
        cwd=place,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = bytearray()
    ending = ""
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            while chunk := await process.stdout.read(65536):
                output += chunk
                if len(output) > OUTPUT_BYTES:
                    ending = f"\n[stopped: more than {OUTPUT_BYTES} bytes of output]"
                    break
            else:
                await process.wait()
    except TimeoutError:
        ending = f"\n[stopped after {COMMAND_SECONDS:.0f} s]"
    finally:
        # The command leads its own group, so this also ends what it started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    status = await process.wait()
    if status > 0:
        ending = f"\n[exit status {status}]"
    text = output[:OUTPUT_BYTES].decode(errors="replace").rstrip("\n")
    return Answer(text + ending, is_error=bool(status))
