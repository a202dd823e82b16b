"""Read which accounts a token sees."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pymode.errors import HostCallError
from pymode.http import Response

ACCOUNTS = 50
ERROR_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """One account that a token sees."""

    id: str
    name: str


def read_accounts(response: Response) -> tuple[list[Account], int]:
    """Read the accounts of a page, and how many there are in all.

    Raises:
        HostCallError: the answer is an error, or not a list of accounts.
    """
    failed = f"account_id is not known: GET /accounts answered {response.status}"
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise HostCallError(f"{failed} and no JSON object")
    errors = answer.get("errors")
    if response.status != 200 or answer.get("success") is False:
        texts = [
            f"{error.get('code', '')} {error.get('message', '')}".strip()
            for error in (errors if isinstance(errors, list) else [])[:3]
            if isinstance(error, dict)
        ]
        raise HostCallError(": ".join([failed, *texts])[:ERROR_CHARS])
    result = answer.get("result")
    if not isinstance(result, list):
        raise HostCallError(f"{failed}, but without a list of accounts")
    accounts = [
        Account(item["id"], str(item.get("name", ""))[:100])
        for item in result[:ACCOUNTS]
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]
    info = answer.get("result_info")
    total = info.get("total_count") if isinstance(info, dict) else None
    return accounts, max(len(accounts), total if isinstance(total, int) else 0)
