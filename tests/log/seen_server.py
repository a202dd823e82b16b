"""An API that remembers which writes reached it: `POST /…` is seen, `GET /seen` lists them.

`GET /seen` answers when every other connection has ended, so that nothing sent is still unread.
"""

from __future__ import annotations

import asyncio
import json


class Seen:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self.connections = 0
        self.changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, _ = head.decode().split(" ", 2)
                if method == "POST":
                    self.paths.append(path)
                body = b"" if method == "POST" else await self.list()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            async with self.changed:
                self.connections -= 1
                self.changed.notify_all()

    async def list(self) -> bytes:
        async with self.changed:
            await self.changed.wait_for(lambda: self.connections == 1)
        return json.dumps(self.paths).encode()


async def main() -> None:
    server = await asyncio.start_server(Seen().serve, "127.0.0.1", 0, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the test reads it
    await server.serve_forever()


asyncio.run(main())
