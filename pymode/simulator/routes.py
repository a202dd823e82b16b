"""Routes of a product, each written above its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pymode.simulator.envelope import IDENTIFIER, unroutable

Handler = Callable[[Request], Awaitable[Response]]


class Routes(list[Route]):
    """The routes of one product, in the order in which they are tried.

    Args:
        bases: what each path begins with; rulesets have two, one for zones and one for accounts.
    """

    def __init__(self, *bases: str) -> None:
        super().__init__()
        self.bases = bases or ("",)

    def __call__(self, methods: str, path: str = "") -> Callable[[Handler], Handler]:
        """Return a decorator that answers requests with a handler.

        Args:
            methods: one or more, separated by spaces, such as `PATCH PUT`.
            path: below the base, with names such as `{zone_id}`.
        """

        def add(handler: Handler) -> Handler:
            self.extend(Route(base + path, handler, methods=methods.split()) for base in self.bases)
            return handler

        return add


def read_id(request: Request, name: str) -> str:
    """Return an identifier of the path.

    Args:
        request: its path has the identifier.
        name: as the route writes it, such as `zone_id`.

    Raises:
        Refusal: it is not 32 hex digits.
    """
    text = str(request.path_params[name])
    if not IDENTIFIER.fullmatch(text):
        raise unroutable(request.url.path)
    return text
