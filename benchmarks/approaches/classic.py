"""Classic MCP: one tool for each operation, every schema in the context."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from benchmarks.approaches.fastmcp_server import serve_operations
from benchmarks.approaches.mcp_session import McpSession
from benchmarks.documents import Document


class Classic:
    name = "classic-mcp"
    title = "Classic MCP"
    requires = ("fastmcp",)

    def open(
        self, document: Document, base_url: str | None
    ) -> AbstractAsyncContextManager[McpSession]:
        """Serve all operations as tools."""
        return serve_operations(document, base_url)


class ClassicRequired:
    """The same tools without their optional properties.

    Such a server is cheaper to read, and cannot page, filter, or change optional fields.
    """

    name = "classic-mcp-required"
    title = "Classic MCP, required parameters only"
    requires = ("fastmcp",)

    def open(
        self, document: Document, base_url: str | None
    ) -> AbstractAsyncContextManager[McpSession]:
        """Serve all operations as tools that take only what they must."""
        return serve_operations(document, base_url, required_only=True)
