"""Tool search: two tools, one that finds tools and one that calls them."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from benchmarks.approaches.fastmcp_server import serve_operations
from benchmarks.approaches.mcp_session import McpSession
from benchmarks.documents import Document


class ToolSearch:
    name = "tool-search"
    title = "Tool search (BM25)"
    requires = ("fastmcp",)

    def open(
        self, document: Document, base_url: str | None
    ) -> AbstractAsyncContextManager[McpSession]:
        """Serve FastMCP's search with its defaults: five tools for a query."""
        from fastmcp.server.transforms.search import BM25SearchTransform

        return serve_operations(document, base_url, transform=BM25SearchTransform())
