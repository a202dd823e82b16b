"""The user, the token and the accounts that the token can see."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator import seed
from pymode.simulator.envelope import (
    PageSizes,
    Refusal,
    answer,
    answer_page,
)
from pymode.simulator.routes import Routes, read_id
from pymode.simulator.state import access_of, state_of

ACCOUNT_PAGES = PageSizes(default=20, minimum=5, maximum=50)
ROUTES = Routes()


@ROUTES("GET", "/user")
async def _get_user(request: Request) -> Response:
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


@ROUTES("GET", "/user/tokens/verify")
async def _verify_token(request: Request) -> Response:
    message = {"code": 10000, "message": "This API Token is valid and active", "type": None}
    return answer({"id": seed.identifier("token"), "status": "active"}, messages=[message])


@ROUTES("GET", "/accounts")
async def _list_accounts(request: Request) -> Response:
    accounts = [state_of(request).accounts[key].facts for key in access_of(request).account_ids]
    name = request.query_params.get("name")
    if name is not None:
        accounts = [account for account in accounts if name.lower() in account["name"].lower()]
    accounts.sort(
        key=lambda account: str(account["name"]),
        reverse=request.query_params.get("direction") == "desc",
    )
    return answer_page(request, accounts, ACCOUNT_PAGES)


@ROUTES("GET", "/accounts/{account_id}")
async def _get_account(request: Request) -> Response:
    account_id = read_id(request, "account_id")
    if account_id not in access_of(request).account_ids:
        raise Refusal(403, (9109, "Unauthorized to access requested resource"))
    return answer(state_of(request).accounts[account_id].facts)
