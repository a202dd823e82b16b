"""Has 3,000 tools in pages of 500, or pages without an end."""

import sys

from lines import answer, say, serve, tool

ENDLESS = sys.argv[1:] == ["endless"]


def on_list(message):
    page = int(message["params"].get("cursor", 0)) if "params" in message else 0
    first = page * 500
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    tools = [tool(f"get-thing-{n}", inputSchema=schema) for n in range(first, first + 500)]
    more = {"nextCursor": str(page + 1)} if ENDLESS or page < 5 else {}
    answer(message, {"tools": tools, **more})


serve([], lambda message, name: say(message, name), on_list)
