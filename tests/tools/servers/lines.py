"""An MCP server over stdio in plain Python, which starts at once and may break every rule."""

import json
import sys


def write(line):
    """Write one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def send(message):
    """Write one message."""
    write(json.dumps(message))


def receive():
    """Read one message, or None at the end."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def answer(message, result):
    """Answer a request."""
    send({"jsonrpc": "2.0", "id": message["id"], "result": result})


def say(message, text, is_error=False):
    """Answer a call with a text."""
    answer(message, {"content": [{"type": "text", "text": text}], "isError": is_error})


def tool(name, **more):
    """One tool of a listing."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def serve(tools, call, on_list=None):
    """Answer until stdin ends.

    Args:
        tools: the listing.
        call: answers a call, given its message and the name of the tool.
        on_list: answers a listing instead.
    """
    while (message := receive()) is not None:
        method = message.get("method")
        if method == "initialize":
            info = {"name": "lines", "version": "1"}
            capabilities = {"tools": {"listChanged": True}}
            version = message["params"]["protocolVersion"]
            answer(
                message,
                {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info},
            )
        elif method == "tools/list":
            on_list(message) if on_list else answer(message, {"tools": tools})
        elif method == "tools/call":
            call(message, message["params"]["name"])
        elif method and "id" in message:
            error = {"code": -32601, "message": "unknown method"}
            send({"jsonrpc": "2.0", "id": message["id"], "error": error})
