"""What the Claude Agent SDK starts in place of `claude`: the script in its protocol.

Lines of JSON: the SDK sends requests to control it and the user's message; it sends messages of the
assistant and of the result, and requests to the MCP servers that live in the SDK's process.
"""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from script import Turn, decide

NUMBERS = count(1)
SESSION = {"session_id": "scripted"}


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def receive(wanted: str) -> dict[str, Any]:
    """Return the next message of that type; answer requests on the way."""
    for line in sys.stdin:
        message: dict[str, Any] = json.loads(line)
        if message["type"] == "control_request":
            reply = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            send({"type": "control_response", "response": reply})
        if message["type"] == wanted:
            return message
    sys.exit("the SDK went away")


def ask(method: str, **params: object) -> dict[str, Any]:
    """Send a request to the MCP server of the SDK and return its result."""
    number = next(NUMBERS)
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if not method.startswith("notifications/"):
        message["id"] = number
    request = {"subtype": "mcp_message", "server_name": "pymode", "message": message}
    send({"type": "control_request", "request_id": str(number), "request": request})
    reply = receive("control_response")["response"]["response"]["mcp_response"]
    assert "error" not in reply, reply
    return dict(reply["result"])


def say(*content: dict[str, object]) -> None:
    message = {"role": "assistant", "model": "scripted", "content": content}
    send({"type": "assistant", "message": message, **SESSION})


def main() -> None:
    receive("user")
    client = {"name": "scripted", "version": "1"}
    ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
    ask("notifications/initialized")
    assert {tool["name"] for tool in ask("tools/list")["tools"]} == {"search", "execute"}
    outputs: list[object] = []
    while isinstance(turn := decide(outputs), Turn):
        called = {"name": f"mcp__pymode__{turn.tool}", "input": turn.arguments}
        say({"type": "tool_use", "id": turn.identifier, **called})
        result = ask("tools/call", name=turn.tool, arguments=turn.arguments)
        assert not result.get("isError"), result
        outputs.append("\n".join(part["text"] for part in result["content"]))
    say({"type": "text", "text": turn})
    ended = {"subtype": "success", "is_error": False, "num_turns": 3, "result": turn}
    send({"type": "result", "duration_ms": 1, "duration_api_ms": 1, **ended, **SESSION})


if __name__ == "__main__":
    main()
