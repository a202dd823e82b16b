"""Sends what no client should trust."""

import os
import sys

from lines import answer, say, send, serve, tool, write

TOOLS = [
    tool("no_object", inputSchema=["a"]),
    tool("wrong_kind", inputSchema={"type": "array"}),
    tool("bad_properties", inputSchema={"type": "object", "properties": {"a": 7}, "required": 3}),
    tool("huge_schema", inputSchema={"type": "object", "title": "x" * 300_000}),
    tool("long", description="d" * 100_000, outputSchema={"type": "array", "items": {}}),
    tool("slow_pattern", outputSchema={"properties": {"a": {"pattern": "(x+x+)+y"}}}),
    tool("typed", outputSchema={"type": "object", "properties": {"n": {"type": "integer"}}}),
    tool("claims", annotations={"readOnlyHint": "yes"}, icons=7, execution=[], _meta=3),
    tool("reads", annotations={"readOnlyHint": True}),
    tool("typed", description="the second of its name"),
    {"inputSchema": {"type": "object"}},
    tool("n" * 1_000),
    tool(""),
    "no tool at all",
    tool("not_json"),
    tool("wrong_result"),
    tool("deep"),
    tool("elsewhere"),
    tool("echoes"),
    tool("tells"),
]


def call(message, name):
    if name == "typed":
        answer(message, {"content": [], "structuredContent": {"n": "seven"}})
    elif name == "slow_pattern":
        answer(message, {"content": [], "structuredContent": {"a": "x" * 60}})
    elif name == "not_json":
        write('{"jsonrpc": "2.0", "id": ' + str(message["id"]) + ', "result": {')
    elif name == "wrong_result":
        answer(message, {"content": "text"})
    elif name == "deep":
        nested = "[" * 5_000 + "]" * 5_000
        write('{"jsonrpc": "2.0", "result": ' + nested + f', "id": {message["id"]}}}')
    elif name == "elsewhere":
        write("starting up, please wait …")
        send({"jsonrpc": "2.0", "id": 999_999, "result": {}})
        send({"jsonrpc": "2.0", "method": "notifications/nonsense", "params": {"a": [1]}})
        send({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {}})
        say(message, "fine")
    elif name == "echoes":
        sys.stderr.write(f"the token is {os.environ['TOKEN']}\n")
        say(message, f"bad token {os.environ['TOKEN']}", is_error=True)
    elif name == "tells":
        token = os.environ["TOKEN"]
        answer(message, {"content": [], "structuredContent": {token: [f"it is {token}"]}})
    else:
        say(message, "called")


serve(TOOLS, call)
