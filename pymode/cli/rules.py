"""The shell's `pymode rules check`: what the rules would do with a request, and why."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pymode.cli.gateway import read_apis
from pymode.cli.options import with_settings
from pymode.cli.settings import Settings
from pymode.errors import ConfigError, RequestRefused

if TYPE_CHECKING:
    from pymode.apis.openapi import OpenAPI
    from pymode.documents.operation import Operation
    from pymode.documents.operations import Operations
    from pymode.policy.rules import Decision, Rules

# Calls of tools belong to no document.
TOOL_METHODS = ("CALL ", "READ ")
# For a document without a server: nothing is sent, and only paths are looked at.
NO_SERVER = "https://api.invalid"
WORDS = {"allow": "sent", "deny": "not sent", "approve": "sent if a person approves it"}

rules_app = typer.Typer(no_args_is_help=True, help="The rules that decide which requests are sent.")


@rules_app.callback()
def _rules() -> None:
    """Keep `check` as a subcommand: typer drops the name of a single command in a group."""


@rules_app.command()
@with_settings
def check(
    settings: Settings,
    request: Annotated[
        str, typer.Argument(metavar="REQUEST", help='Method and path, as in "DELETE /zones/x".')
    ],
) -> None:
    """Say whether a request would be sent, and which rule decides; nothing is sent."""
    from pymode.documents.operations import Operations

    apis = read_apis(settings)
    found = asyncio.run(_load_all(apis))
    rules = settings.rules.bind([each for operations, _ in found.values() for each in operations])
    if not apis or request.strip().upper().startswith(TOOL_METHODS):
        found = {"": (Operations({"paths": {}}), None)}
    for name, (operations, base_url) in found.items():
        if len(found) > 1:
            typer.echo(f"{name}:")
        typer.echo(describe(rules, request, operations, base_url or NO_SERVER))


async def _load_all(apis: Sequence[OpenAPI]) -> dict[str, tuple[Operations, str | None]]:
    return {api.name: await load_operations(api) for api in apis}


async def load_operations(api: OpenAPI) -> tuple[Operations, str | None]:
    """Return the operations of an API's document and the URL of its server.

    Raises:
        SpecError: the document cannot be found or read.
    """
    from pymode import documents as specs
    from pymode.documents.operations import Operations

    document = (await specs.load(api.spec)).parse()
    return Operations(json.loads(document.content)), api.base_url or document.base_url


def describe(rules: Rules, request: str, operations: Operations, base_url: str) -> str:
    """Say in a few lines what happens to a request.

    Args:
        rules: bound to all operations.
        request: a method and a path; `{names}` in it are taken for values.
        operations: of the document.
        base_url: of the API; the path may repeat that of the URL.

    Raises:
        ConfigError: it is no request.
    """
    from pymode.http import urls
    from pymode.policy.action import Action
    from pymode.policy.graphql import find_endpoint
    from pymode.policy.rule import METHODS

    method, _, path = request.strip().partition(" ")
    method = method.upper()
    if method not in METHODS or not path.strip():
        raise ConfigError(
            f'write the method and the path, as in "DELETE /zones/x", not {request!r}'
        )
    base_url = urls.check_base(base_url)
    try:
        url = urls.build(base_url, re.sub(r"\{([^{}/]+)\}", r"\1", path.strip()))
    except RequestRefused as error:
        return f"{method} {path.strip()}: not sent\nwhy: {error}"
    path = url[len(base_url) :].partition("?")[0]
    operation = operations.match(method, path)
    action = Action(method, path, operation=operation)
    decision = rules.decide(action, operations)
    lines = _describe(f"{method} {path}", decision, operation)
    if method == "POST" and find_endpoint(path, operation):
        query = rules.decide(replace(action, graphql="read"), operations)
        lines += _describe(f"{method} {path} with a query that only reads", query, None)[:-1]
    return "\n".join(lines)


def _describe(request: str, decision: Decision, operation: Operation | None) -> list[str]:
    shown = "none of the document"
    if operation is not None:
        name = operation.operation_id or operation.path
        shown = f"{name} ({', '.join(f'tag:{tag}' for tag in operation.tags) or 'no tags'})"
    return [
        f"{request}: {WORDS[decision.verdict]}",
        f"why: {decision.reason}",
        f"operation: {shown}",
    ]
