"""Workers: the scripts of an account and the routes of a zone."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator import seed
from pymode.simulator.envelope import Json, Refusal, answer, read_body, read_object, read_parts
from pymode.simulator.routes import Routes
from pymode.simulator.state import Account, Script, Zone, account_of, state_of, zone_of

SCRIPT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,62}")
NO_SCRIPT = (10007, "This Worker does not exist on your account.")
ROUTES = Routes()


def script_of(request: Request) -> Script:
    """Return the Worker that the path names.

    Raises:
        Refusal: the account has no such Worker.
    """
    script = account_of(request).scripts.get(request.path_params["script_name"])
    if script is None:
        raise Refusal(404, NO_SCRIPT)
    return script


@ROUTES("GET", "/accounts/{account_id}/workers/scripts")
async def _list_scripts(request: Request) -> Response:
    return answer([script.facts for script in account_of(request).scripts.values()])


@ROUTES("GET", "/accounts/{account_id}/workers/scripts/{script_name}/content/v2")
@ROUTES("GET", "/accounts/{account_id}/workers/scripts/{script_name}")
async def _get_script(request: Request) -> Response:
    """Answer with the source, as text."""
    script = script_of(request)
    headers = {"etag": script.facts["etag"]}
    return Response(script.content, 200, headers, "application/javascript")


@ROUTES("GET", "/accounts/{account_id}/workers/scripts/{script_name}/settings")
async def _get_script_settings(request: Request) -> Response:
    return answer(script_of(request).settings)


async def read_upload(request: Request) -> tuple[bytes, Json]:
    """Return the main module and the metadata of an upload, multipart or bare JavaScript.

    Raises:
        Refusal: a part is missing or invalid.
    """
    body = await read_body(request)
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("multipart/form-data"):
        if "javascript" not in content_type:
            raise Refusal(400, (10023, f"Unsupported content type for a script: {content_type}"))
        return body, {}

    parts = await read_parts(request, body)
    metadata = _read_metadata(parts)
    main = metadata.get("main_module") or metadata.get("body_part")
    for names, content in parts:
        if main in names:
            return content, metadata
    raise Refusal(400, (10021, f"No such module: the upload has no part for '{main}'"))


def _read_metadata(parts: list[tuple[tuple[str, ...], bytes]]) -> Json:
    text = next((content for names, content in parts if names[0] == "metadata"), b"")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise Refusal(400, (10050, "The upload needs a part 'metadata' with a JSON object"))
    return metadata


def check_bindings(account: Account, bindings: Any) -> list[Json]:
    """Return the bindings of an upload.

    Raises:
        Refusal: they are not a list of objects, or one names a KV namespace that does not exist.
    """
    if not isinstance(bindings, list) or not all(isinstance(one, dict) for one in bindings):
        raise Refusal(400, (10054, "'bindings' must be a list of objects"))
    for binding in bindings:
        namespace_id = str(binding.get("namespace_id"))
        if binding.get("type") == "kv_namespace" and namespace_id not in account.namespaces:
            raise Refusal(400, (10041, f"No KV namespace found with ID {namespace_id}"))
    return bindings


@ROUTES("PUT", "/accounts/{account_id}/workers/scripts/{script_name}")
async def _upload_script(request: Request) -> Response:
    account, state = account_of(request), state_of(request)
    name = request.path_params["script_name"]
    if not SCRIPT_NAME.fullmatch(name):
        raise Refusal(400, (10016, f"Invalid script name '{name}'"))
    content, metadata = await read_upload(request)
    if not content.strip():
        raise Refusal(400, (10021, "The script is empty"))
    bindings = check_bindings(account, metadata.get("bindings", []))
    state.writes += 1
    old = account.scripts.get(name)
    facts = seed.script(name, content) | {
        "logpush": bool(metadata.get("logpush", False)),
        "created_on": old.facts["created_on"] if old else state.now(),
        "modified_on": state.now(),
    }
    settings = {
        "bindings": bindings,
        "compatibility_date": metadata.get("compatibility_date"),
        "logpush": facts["logpush"],
    }
    account.scripts[name] = Script(facts, settings, content)
    return answer({**facts, "startup_time_ms": 1})


@ROUTES("DELETE", "/accounts/{account_id}/workers/scripts/{script_name}")
async def _delete_script(request: Request) -> Response:
    name = script_of(request).facts["id"]
    del account_of(request).scripts[name]
    return answer(None)


def check_route(request: Request, zone: Zone, body: Json, own_id: str | None = None) -> Json:
    """Return the pattern and script of a route.

    Raises:
        Refusal: the pattern is taken or belongs to another zone, or the Worker does not exist.
    """
    pattern, script = body.get("pattern"), body.get("script")
    host = pattern.partition("/")[0].lstrip("*") if isinstance(pattern, str) else ""
    if not f".{host}".endswith(f".{zone.name}"):
        raise Refusal(400, (10022, f"The pattern must be of a host in {zone.name}"))
    for route in zone.routes.values():
        if route["pattern"] == pattern and route["id"] != own_id:
            raise Refusal(409, (10020, "A route with the same pattern already exists."))
    account = state_of(request).accounts[zone.facts["account"]["id"]]
    if script is not None and str(script) not in account.scripts:
        raise Refusal(404, NO_SCRIPT)
    return {"pattern": pattern, "script": script}


def route_of(request: Request, zone: Zone) -> Json:
    """Return the route that the path names.

    Raises:
        Refusal: the zone has no such route.
    """
    route = zone.routes.get(request.path_params["route_id"])
    if route is None:
        raise Refusal(404, (10028, "This route does not exist in the zone."))
    return route


@ROUTES("GET", "/zones/{zone_id}/workers/routes")
async def _list_routes(request: Request) -> Response:
    return answer(list(zone_of(request).routes.values()))


@ROUTES("POST", "/zones/{zone_id}/workers/routes")
async def _create_route(request: Request) -> Response:
    zone = zone_of(request)
    checked = check_route(request, zone, await read_object(request))
    route_id = state_of(request).new_id("route")
    zone.routes[route_id] = {"id": route_id, **checked}
    return answer(zone.routes[route_id])


@ROUTES("GET", "/zones/{zone_id}/workers/routes/{route_id}")
async def _get_route(request: Request) -> Response:
    return answer(route_of(request, zone_of(request)))


@ROUTES("PUT", "/zones/{zone_id}/workers/routes/{route_id}")
async def _update_route(request: Request) -> Response:
    zone = zone_of(request)
    route = route_of(request, zone)
    route |= check_route(request, zone, await read_object(request), own_id=route["id"])
    return answer(route)


@ROUTES("DELETE", "/zones/{zone_id}/workers/routes/{route_id}")
async def _delete_route(request: Request) -> Response:
    zone = zone_of(request)
    route_id = route_of(request, zone)["id"]
    del zone.routes[route_id]
    return answer({"id": route_id})
