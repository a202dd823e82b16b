"""`python -m pymode.simulator`: serve the simulated API on loopback."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading

import uvicorn

from pymode.simulator.app import create_app
from pymode.simulator.gate import PREFIX
from pymode.simulator.state import State

HOST = "127.0.0.1"
# How long the server waits at its end for answers that it still sends.
SHUTDOWN_SECONDS = 1


class AnnouncingServer(uvicorn.Server):
    """A server that prints its base URL once it answers.

    Args:
        config: the configuration of uvicorn.
        base_url: the line to print.
    """

    def __init__(self, config: uvicorn.Config, base_url: str) -> None:
        super().__init__(config)
        self.base_url = base_url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then print the base URL."""
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"{self.base_url}\n")
            sys.stdout.flush()

    def stop_when_stdin_closes(self) -> None:
        """End the server when standard input ends; a thread waits for that.

        The kernel closes the pipe however the parent dies, so the server never outlives it.
        """

        def watch() -> None:
            # os.read, because a thread inside sys.stdin would crash the interpreter's exit.
            while os.read(0, 4096):
                pass
            self.should_exit = True

        threading.Thread(target=watch, daemon=True).start()


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pymode.simulator",
        description="Serve a simulated Cloudflare API on 127.0.0.1. Any token that starts with"
        " 'simulated-' is valid; one that starts with 'simulated-readonly' may not write.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 takes any free port")
    add("--zones", type=int, default=6, help="zones in the first account")
    add("--latency-ms", type=int, default=0, help="how long every API request waits")
    add("--rate-limit", type=int, default=0, help="answer 429 after this many requests")
    add("--rate-limit-refusals", type=int, default=1, help="how many in a row get 429")
    add("--until-stdin-closes", action="store_true", help="end with standard input")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or, with `--until-stdin-closes`, the end of standard input."""
    options = parse_arguments(arguments)
    state = State.seeded(
        zones=options.zones,
        latency_seconds=options.latency_ms / 1000,
        rate_limit=options.rate_limit,
        rate_limit_refusals=options.rate_limit_refusals,
    )
    config = uvicorn.Config(
        create_app(state),
        loop="auto",
        http="auto",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with socket.create_server((HOST, options.port), backlog=2048) as listener:
        server = AnnouncingServer(config, f"http://{HOST}:{listener.getsockname()[1]}{PREFIX}")
        if options.until_stdin_closes:
            server.stop_when_stdin_closes()
        # uvicorn raises Ctrl-C again after it has shut down.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
