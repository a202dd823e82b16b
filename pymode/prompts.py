"""What the model reads: names, descriptions and schemas of the two tools.

Every word here is paid for in each conversation, so a test pins the texts and their 500 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from pymode.limits import Limits

Schema = dict[str, object]

_TITLES = {"cloudflare": "Cloudflare", "github": "GitHub"}

_SEARCH = """\
Find operations of the {title} API: run Python over its OpenAPI document.
`code`: an async function without parameters. What it returns is the answer, as JSON cut at \
{max_tokens} tokens: filter, pick fields. Helpers, print and \
`import json, re, asyncio, datetime…` work; files and network do not.
In scope: `spec`, a dict, $refs resolved. spec["paths"][path][method] has operationId, \
summary, description, tags, parameters, requestBody, responses.

async def find():
    return [(method, path, op.get("summary"))
            for path, ops in spec["paths"].items() for method, op in ops.items()
            if {condition}]"""

_EXECUTE = """\
Call the {title} API: run Python as in search, with also in scope
- `await {name}.request(method, path, query=, body=, headers=, content_type=, raw_body=, files=)` \
→ dict: {keys}; raises {error} (.status, .errors). \
Adds the token. Limits: {host_calls} requests, {seconds} s. asyncio.gather works.
- `account_id`: the argument, else the only account.
Look up paths and parameters with search first.

{example}"""

_CLOUDFLARE_CONDITION = '"/zones/" in path and "rulesets" in path'
_CONDITION = '"user" in path'

_KEYS = "result, success, errors, result_info, status"

_CLOUDFLARE_EXAMPLE = """\
async def run():
    zones = await cloudflare.request("GET", "/zones", query={"name": "example.com"})
    path = f"/zones/{zones['result'][0]['id']}/dns_records"
    body = {"type": "A", "name": "app", "content": "192.0.2.1"}
    return (await cloudflare.request("POST", path, body=body))["result"]"""

_EXAMPLE = """\
async def run():
    reply = await {name}.request("GET", "/user", query={{"per_page": 5}})
    return reply["result"]"""


@dataclass(frozen=True, slots=True)
class ToolPrompt:
    """One tool as the model sees it.

    Args:
        name: `search` or `execute`.
        description: how to write the code, what is in scope, an example.
        input_schema: JSON Schema of the arguments.
    """

    name: str
    description: str
    input_schema: Schema


def describe_tools(name: str, limits: Limits, max_tokens: int) -> tuple[ToolPrompt, ToolPrompt]:
    """The prompts of `search` and `execute`.

    Args:
        name: the namespace in the code, such as `cloudflare`.
        limits: what one call may use; the text names those that shape the code.
        max_tokens: budget of an answer.
    """
    title = _TITLES.get(name, name)
    cloudflare = name == "cloudflare"
    search = _SEARCH.format(
        title=title,
        max_tokens=max_tokens,
        condition=_CLOUDFLARE_CONDITION if cloudflare else _CONDITION,
    )
    execute = _EXECUTE.format(
        title=title,
        name=name,
        error=error_name(name),
        keys=_KEYS,
        host_calls=limits.host_calls,
        seconds=f"{limits.wall_seconds:g}",
        example=_CLOUDFLARE_EXAMPLE if cloudflare else _EXAMPLE.format(name=name),
    )
    code: Schema = {"type": "string"}
    return (
        ToolPrompt("search", search, _object_schema({"code": code}, required=["code"])),
        ToolPrompt(
            "execute",
            execute,
            _object_schema({"code": code, "account_id": {"type": "string"}}, required=["code"]),
        ),
    )


def error_name(name: str) -> str:
    """The exception of a namespace in the code: `CloudflareError` for `cloudflare`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Error"


def _object_schema(properties: Schema, *, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}
