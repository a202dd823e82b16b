"""Ends at once when anything but the older handshake comes first."""

import sys

from lines import answer, receive, say, serve, tool

first = receive()
if first["method"] != "initialize":
    sys.exit(1)
info = {"name": "strict", "version": "1"}
version = first["params"]["protocolVersion"]
answer(first, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
serve([tool("greet")], lambda message, name: say(message, "hello"))
