"""FastMCP's own code mode: search and get_schema find tools, execute runs Python in Monty."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from benchmarks.approaches.fastmcp_server import serve_operations
from benchmarks.approaches.mcp_session import McpSession
from benchmarks.documents import Document


class FastMCPCodeMode:
    name = "fastmcp-code-mode"
    title = "FastMCP CodeMode"
    requires = ("fastmcp", "pydantic-monty")

    def open(
        self, document: Document, base_url: str | None
    ) -> AbstractAsyncContextManager[McpSession]:
        """Serve FastMCP's code mode with its defaults."""
        from fastmcp.experimental.transforms.code_mode import CodeMode

        return serve_operations(document, base_url, transform=CodeMode())
