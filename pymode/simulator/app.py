"""The simulated API as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pymode.simulator import accounts, dns, faults, graphql, kv, rulesets, workers, zones
from pymode.simulator.envelope import Refusal, refuse, unroutable
from pymode.simulator.gate import PREFIX, Gate
from pymode.simulator.state import State

# Starlette tries routes in this order, so the products that agents use most come first.
PRODUCTS = (dns, zones, accounts, rulesets, workers, kv, graphql, faults)


async def answer_refusal(request: Request, refusal: Exception) -> Response:
    """Answer with the envelope of a Refusal."""
    if not isinstance(refusal, Refusal):
        raise TypeError from refusal
    return refuse(refusal)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer an error of the router with Cloudflare's envelope."""
    if not isinstance(error, HTTPException):
        raise TypeError from error
    if error.status_code == 405:
        message = "Method not allowed for this authentication scheme"
        return refuse(Refusal(405, (10405, message), headers=dict(error.headers or {})))
    if error.status_code == 404:
        return refuse(unroutable(request.scope["path"]))
    return refuse(Refusal(error.status_code, (6007, str(error.detail))))


def create_app(state: State) -> Starlette:
    """Return the simulated API over one state.

    Args:
        state: what it serves and changes; `State.seeded()` makes one.
    """
    routes = [
        Route(PREFIX + route.path, route.endpoint, methods=route.methods)
        for product in PRODUCTS
        for route in product.ROUTES
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Gate, state=state)],
        exception_handlers={Refusal: answer_refusal, HTTPException: answer_http_exception},
    )
    # Cloudflare does not know paths with a slash at the end.
    app.router.redirect_slashes = False
    return app
