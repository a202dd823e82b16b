"""MCP servers as sources of tools; the only part of `tools` that imports the MCP SDK.

servers.py     how to start or reach a server: a command, a URL, or an object
config.py      reads the `mcpServers` JSON of MCP clients
messages.py    bounds and repairs the messages of a server before the SDK reads them
streams.py     the types of the SDK's message streams
stdio.py       the transport to a server in a process of its own
http.py        the transport to a server at a URL
session.py     one session with a server, from its start to its end
supervisor.py  the sessions with one server, one after another, and the pauses between them
in_flight.py   the calls in flight at a server, and the questions and progress that belong to them
tool_call.py   one call of a tool, with the questions that the server asks before it answers
results.py     the result of a tool as a Python value
source.py      the server as a source of tools
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
