"""pymode, served over stdio as in an MCP client."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from benchmarks.approaches.approach import TOKEN
from benchmarks.approaches.mcp_session import McpSession, open_session
from benchmarks.documents import REPOSITORY, Document
from pymode.cli.settings import token_variable


class Pymode:
    name = "pymode"
    title = "pymode"
    requires = ()

    @asynccontextmanager
    async def open(self, document: Document, base_url: str | None) -> AsyncIterator[McpSession]:
        """Run `pymode serve` over the document's file."""
        # Without the user's own settings, which would change the figures.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYMODE_")
        }
        environment[token_variable(document.namespace)] = TOKEN
        command = ["-m", "pymode", "serve", "--spec", str(document.path), "--no-log"]
        command += ["--name", document.namespace, "--base-url", base_url or document.server]
        parameters = StdioServerParameters(
            command=sys.executable, args=command, env=environment, cwd=REPOSITORY
        )
        with tempfile.TemporaryFile("w+") as complaints:
            async with Client(stdio_client(parameters, errlog=complaints)) as client:
                yield await open_session(client.session)
