"""The MCP edge: two tools over stdio and Streamable HTTP.

`pymode.server.listening` is imported by who listens: its web server takes 0.1 s to import.
"""

from pymode.server.stdio import serve_stdio
from pymode.server.tools import make_server

__all__ = ["make_server", "serve_stdio"]
