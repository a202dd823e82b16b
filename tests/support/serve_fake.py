"""`python serve_fake.py stdio|http [gated]`: the real server and transports, a fake `CodeMode`.

Standard error gets a line when it listens, when a call waits, and when a waiting call was stopped.
"""

import asyncio
import logging
import signal
import sys

from fakes import FakeCodeMode
from pydantic import SecretStr

from pymode.http.address import ListenAddress
from pymode.limits import Limits
from pymode.server import make_server, serve_stdio
from pymode.server.listening import serve_http


def tell(line):
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Telling(FakeCodeMode):
    async def _wait(self):
        tell("waiting")
        try:
            await super()._wait()
        finally:
            tell("stopped")

    async def __aexit__(self, *exception):
        tell("left")
        await super().__aexit__(*exception)


async def main(transport, *options):
    code_mode = Telling()
    if "gated" in options:
        # The build goes on at a signal.
        code_mode.build_may_go_on.clear()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, code_mode.build_may_go_on.set)
    server = make_server(code_mode, token=SecretStr("token-of-the-process"))
    if transport == "stdio":
        await serve_stdio(server)
    else:
        await serve_http(
            server,
            ListenAddress.parse("127.0.0.1:0"),
            allowed_hosts=["mcp.example.com"],
            source_bytes=Limits().source_bytes,
            drain_seconds=1.0,
            announce=tell,
        )


logging.basicConfig(level=logging.WARNING)
asyncio.run(main(*sys.argv[1:]))
