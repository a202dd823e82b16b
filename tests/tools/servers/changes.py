"""Gets another tool with each call, and says so before it answers."""

from lines import say, send, serve, tool

TOOLS = [tool("grow")]


def call(message, name):
    TOOLS.append(tool(f"tool_{len(TOOLS)}"))
    send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    say(message, "grown")


serve(TOOLS, call)
