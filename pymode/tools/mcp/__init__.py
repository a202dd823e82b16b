"""MCP servers as sources of tools; the only part of `tools` that imports the MCP SDK.

servers.py     what is known of a server: from a URL, a command, an object
config.py      the `mcpServers` JSON of MCP clients
messages.py    what a server sends, bounded and put in order before the SDK reads it
stdio.py       a server in a process of its own
http.py        a server at a URL
session.py        one run of a server, from its start to its end
connection.py  a server over time: its runs, and the pauses between them
exchange.py    one call of a tool, with the questions in between
passing.py     questions and progress of a server, on their way to the client
results.py     the result of a tool as a Python value
source.py      the server as a namespace of tools
"""

from pymode.tools.mcp.config import read_config
from pymode.tools.mcp.servers import (
    HttpServer,
    LocalServer,
    Server,
    ServerSource,
    StdioServer,
    read_server,
)
from pymode.tools.mcp.source import MCPSource, make_sources

__all__ = [
    "HttpServer",
    "LocalServer",
    "MCPSource",
    "Server",
    "ServerSource",
    "StdioServer",
    "make_sources",
    "read_config",
    "read_server",
]
