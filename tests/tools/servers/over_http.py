"""A Streamable HTTP server; prints its port. "old": it does not know the protocol of 2026."""

import asyncio
import socket
import sys

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from pydantic import BaseModel

server = MCPServer("over http")
barrier = asyncio.Barrier(2)


class Age(BaseModel):
    age: int


@server.tool()
async def ask_together(ctx: Context, who: str) -> str:
    """Wait for another call, then ask."""
    await barrier.wait()
    result = await ctx.elicit(f"How old is {who}?", Age)
    return f"{who} is {result.data.age}"


@server.tool()
async def count(ctx: Context, steps: int) -> int:
    """Report progress."""
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
    return steps


@server.tool()
async def hang() -> None:
    """Never answer."""
    await asyncio.Event().wait()


@server.tool()
async def give(size: int) -> str:
    """Give a text."""
    return "x" * size


@server.tool()
async def grow(ctx: Context, name: str) -> str:
    """Add a tool."""
    server.add_tool(lambda: "new", name=name)
    if "old" in sys.argv:
        await ctx.session.send_tool_list_changed()
    else:
        await ctx.notify_tools_changed()
    return "grown"


PATH = "/keys/secret-in-path/mcp"
inner = (
    server.sse_app(sse_path=PATH, message_path="/messages/")
    if "sse" in sys.argv
    else server.streamable_http_app(streamable_http_path=PATH)
)


async def app(scope, receive, send):
    headers = dict(scope.get("headers", ()))
    if scope["type"] == "http" and headers.get(b"x-key") != b"correct horse":
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"who are you?"})
        return
    is_new = headers.get(b"mcp-protocol-version", b"").startswith(b"2026")
    if "old" in sys.argv and is_new:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await inner(scope, receive, send)


with socket.socket() as bound:
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", int(sys.argv[1])))
    bound.listen()
    sys.stdout.write(f"{bound.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on", ws="none")).run([bound])
