"""The prompts: names, descriptions and schemas of the two tools, as the model reads them.

Each conversation pays for every word here, so a test pins the texts and their 500 tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pymode.limits import Limits
from pymode.namespaces import Kind, error_name

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
- `account_id`, and `state`: a dict that calls keep.
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

_SEARCH_ALL = """\
Find {what}: run Python over their descriptions.
`code`: an async function without parameters. What it returns is the answer, as JSON cut at \
{max_tokens} tokens: filter, pick fields. Helpers, print and \
`import json, re, asyncio, datetime…` work; files and network do not.
In scope:
{scope}
Namespaces: {namespaces}

{example}"""

_SPEC_SCOPE = """\
- `{spec}`: an OpenAPI dict, $refs resolved. ["paths"][path][method] has operationId, \
summary, description, tags, parameters, requestBody, responses."""

_TOOLS_SCOPE = """\
- `tools[namespace][name]`: a dict with signature, description, input_schema, output_schema."""

_FIND_TOOLS = """\
async def find():
    return [(namespace, tool["signature"]) for namespace, found in tools.items()
            for tool in found.values() if "{word}" in tool["description"].lower()]"""

_FIND_OPERATIONS = """\
async def find():
    return [(name, method, path, op.get("summary"))
            for name, spec in specs.items() for path, ops in spec["paths"].items()
            for method, op in ops.items() if "{word}" in path]"""

_EXECUTE_ALL = """\
Use {what}: run Python as in search, with the namespaces also in scope:
{scope}
- `state`: a dict, kept between calls.
Limits: {host_calls} calls, {seconds} s. asyncio.gather works.
Look up what there is, and its parameters, with search first.

{example}"""

_API_SCOPE = """\
- APIs ({names}): `await {name}.request(method, path, query=, body=, headers=, content_type=, \
raw_body=, files=)` → dict: {keys}; raises {error} (.status, .errors). Adds the token.{account}"""

_CALL_SCOPE = """\
- tools ({names}): `await {name}.NAME(key=value, …)` → its value; raises {error}."""

_USE_TOOLS = """\
async def run():
    return await {name}.NAME(key="value")"""

# The code finds the others in `tools` and `specs`.
_SHOWN_NAMESPACES = 20


@dataclass(frozen=True, slots=True)
class Facts:
    """What the prompts say about one namespace.

    Args:
        name: its name in the code.
        kind: an API, Python functions or an MCP server.
        count: how many operations or tools it has, or None while that is not known.
    """

    name: str
    kind: Kind
    count: int | None = None

    def __str__(self) -> str:
        what, unit = {
            "api": ("API", "operations"),
            "functions": ("", "functions"),
            "mcp": ("MCP", "tools"),
        }[self.kind]
        count = unit * (not what) if self.count is None else f"{self.count:,} {unit}"
        return f"{self.name} ({', '.join(filter(None, (what, count)))})"


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

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of the arguments."""
        properties = self.input_schema["properties"]
        return tuple(properties) if isinstance(properties, dict) else ()


def describe_tools(
    namespaces: Sequence[Facts], limits: Limits, max_tokens: int
) -> tuple[ToolPrompt, ToolPrompt]:
    """Return the prompts of `search` and `execute`.

    Their length does not depend on how many operations and tools there are.

    Args:
        namespaces: what the code may use, APIs first.
        limits: what one call may use; the text names those that shape the code.
        max_tokens: budget of an answer.
    """
    if [facts.kind for facts in namespaces] == ["api"]:
        search, execute = _describe_api(namespaces[0].name, limits, max_tokens)
    else:
        search, execute = _describe_all(namespaces, limits, max_tokens)
    code: Schema = {"type": "string"}
    arguments: Schema = {"code": code}
    if any(facts.kind == "api" for facts in namespaces):
        arguments = {"code": code, "account_id": {"type": "string"}}
    return (
        ToolPrompt("search", search, _object_schema({"code": code}, required=["code"])),
        ToolPrompt("execute", execute, _object_schema(arguments, required=["code"])),
    )


def _describe_api(name: str, limits: Limits, max_tokens: int) -> tuple[str, str]:
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
    return search, execute


def _describe_all(namespaces: Sequence[Facts], limits: Limits, max_tokens: int) -> tuple[str, str]:
    apis = [facts.name for facts in namespaces if facts.kind == "api"]
    tools = [facts.name for facts in namespaces if facts.kind != "api"]
    what = " and ".join(["operations of APIs"] * bool(apis) + ["tools"] * bool(tools))
    listed = ", ".join(map(str, namespaces[:_SHOWN_NAMESPACES]))
    more = len(namespaces) - _SHOWN_NAMESPACES
    search = _SEARCH_ALL.format(
        what=what,
        max_tokens=max_tokens,
        scope="\n".join(_search_scope(apis, tools)),
        namespaces=listed + (f" and {more} more" if more > 0 else ""),
        example=(_FIND_TOOLS if tools else _FIND_OPERATIONS).format(word="user"),
    )
    execute = _EXECUTE_ALL.format(
        what=what,
        scope="\n".join(_execute_scope(apis, tools)),
        host_calls=limits.host_calls,
        seconds=f"{limits.wall_seconds:g}",
        example=(_USE_TOOLS if tools else _EXAMPLE).format(name=tools[0] if tools else apis[0]),
    )
    return search, execute


def _search_scope(apis: list[str], tools: list[str]) -> list[str]:
    lines = []
    if apis:
        lines.append(_SPEC_SCOPE.format(spec="spec" if len(apis) == 1 else "specs[name]"))
    if tools:
        lines.append(_TOOLS_SCOPE)
    return lines


def _execute_scope(apis: list[str], tools: list[str]) -> list[str]:
    lines = []
    if apis:
        lines.append(
            _API_SCOPE.format(
                names=_list(apis),
                name=apis[0],
                keys=_KEYS,
                error=_list_errors(apis),
                account=" `account_id`: the argument, else the only account.",
            )
        )
    if tools:
        lines.append(
            _CALL_SCOPE.format(names=_list(tools), name=tools[0], error=_list_errors(tools))
        )
    return lines


def _list_errors(names: list[str]) -> str:
    return error_name(names[0]) + ", …" * (len(names) > 1)


def _list(names: Sequence[str]) -> str:
    listed = ", ".join(names[:_SHOWN_NAMESPACES])
    return f"{listed}, …" if len(names) > _SHOWN_NAMESPACES else listed


def _object_schema(properties: Schema, *, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}
