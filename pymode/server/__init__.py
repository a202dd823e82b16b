"""The MCP edge: two tools over stdio and Streamable HTTP."""

from pymode.server.listening import serve_http
from pymode.server.stdio import serve_stdio
from pymode.server.tools import make_server

__all__ = ["make_server", "serve_http", "serve_stdio"]
