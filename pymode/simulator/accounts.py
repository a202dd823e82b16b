"""The user, the token and the accounts that it sees."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pymode.simulator import seed
from pymode.simulator.envelope import (
    IDENTIFIER,
    PageSizes,
    Refusal,
    answer,
    answer_page,
    unroutable,
)
from pymode.simulator.state import access_of, state_of

ACCOUNT_PAGES = PageSizes(default=20, minimum=5, maximum=50)


async def get_user(request: Request) -> Response:
    """Answer GET /user."""
    return answer(
        {
            "id": seed.identifier("user"),
            "email": "user@example.com",
            "first_name": "Example",
            "last_name": "User",
            "username": "example-user",
            "telephone": None,
            "country": None,
            "zipcode": None,
            "two_factor_authentication_enabled": True,
            "created_on": seed.SEEDED_ON,
            "modified_on": seed.SEEDED_ON,
            "suspended": False,
        }
    )


async def verify_token(request: Request) -> Response:
    """Answer GET /user/tokens/verify."""
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    return answer({"id": seed.identifier("token"), "status": "active"}, messages=[message])


async def list_accounts(request: Request) -> Response:
    """Answer GET /accounts."""
    accounts = [state_of(request).accounts[key].facts for key in access_of(request).account_ids]
    name = request.query_params.get("name")
    if name is not None:
        accounts = [account for account in accounts if name.lower() in account["name"].lower()]
    accounts.sort(
        key=lambda account: str(account["name"]),
        reverse=request.query_params.get("direction") == "desc",
    )
    return answer_page(request, accounts, ACCOUNT_PAGES)


async def get_account(request: Request) -> Response:
    """Answer GET /accounts/{account_id}."""
    account_id = request.path_params["account_id"]
    if not IDENTIFIER.fullmatch(account_id):
        raise unroutable(request.url.path)
    if account_id not in access_of(request).account_ids:
        raise Refusal(403, (9109, "Unauthorized to access requested resource"))
    return answer(state_of(request).accounts[account_id].facts)


ROUTES = [
    Route("/user", get_user),
    Route("/user/tokens/verify", verify_token),
    Route("/accounts", list_accounts),
    Route("/accounts/{account_id}", get_account),
]
