"""Workers KV: namespaces, keys in pages with a cursor, values as bytes."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator.envelope import (
    IDENTIFIER,
    Json,
    PageSizes,
    Refusal,
    answer,
    answer_page,
    read_body,
    read_int,
    read_json,
    read_object,
    read_parts,
)
from pymode.simulator.routes import Routes
from pymode.simulator.state import Account, Namespace, Value, account_of, state_of

NAMESPACE_PAGES = PageSizes(default=20, minimum=5, maximum=100)
KEY_LIMITS = PageSizes(default=1000, minimum=10, maximum=1000)
MAX_BULK_PAIRS = 10_000
MAX_KEY_BYTES = 512
MIN_TTL_SECONDS = 60
# The simulated time of every write with a lifetime; it is fixed, so that nothing ever expires.
EPOCH_SECONDS = 1_767_225_600
ROUTES = Routes("/accounts/{account_id}/storage/kv/namespaces")


def namespace_of(request: Request) -> Namespace:
    """Return the namespace that the path names.

    Raises:
        Refusal: the account has no such namespace.
    """
    namespace_id = request.path_params["namespace_id"]
    account = account_of(request)
    if not IDENTIFIER.fullmatch(namespace_id):
        raise Refusal(400, (10011, "could not parse UUID from request's namespace_id"))
    if namespace_id not in account.namespaces:
        raise Refusal(404, (10013, "namespace not found"))
    return account.namespaces[namespace_id]


async def check_title(request: Request, account: Account) -> str:
    """Return the title in the body.

    Raises:
        Refusal: it is missing, too long or taken.
    """
    title = (await read_object(request)).get("title")
    if not isinstance(title, str) or not 1 <= len(title) <= 512:
        raise Refusal(400, (10019, "malformed namespace title: 1 to 512 characters"))
    if any(namespace.facts["title"] == title for namespace in account.namespaces.values()):
        raise Refusal(400, (10014, "a namespace with this account ID and title already exists"))
    return title


@ROUTES("GET")
async def _list_namespaces(request: Request) -> Response:
    order = request.query_params.get("order", "id")
    if order not in ("id", "title"):
        raise Refusal(400, (10032, f"invalid 'order': {order}"))
    namespaces = [namespace.facts for namespace in account_of(request).namespaces.values()]
    namespaces.sort(
        key=lambda facts: str(facts[order]),
        reverse=request.query_params.get("direction") == "desc",
    )
    return answer_page(request, namespaces, NAMESPACE_PAGES)


@ROUTES("POST")
async def _create_namespace(request: Request) -> Response:
    account = account_of(request)
    title = await check_title(request, account)
    namespace_id = state_of(request).new_id("namespace")
    facts = {"id": namespace_id, "title": title, "supports_url_encoding": True}
    account.namespaces[namespace_id] = Namespace(facts)
    return answer(facts)


@ROUTES("GET", "/{namespace_id}")
async def _get_namespace(request: Request) -> Response:
    return answer(namespace_of(request).facts)


@ROUTES("PUT", "/{namespace_id}")
async def _rename_namespace(request: Request) -> Response:
    namespace = namespace_of(request)
    namespace.facts["title"] = await check_title(request, account_of(request))
    return answer(None)


@ROUTES("DELETE", "/{namespace_id}")
async def _delete_namespace(request: Request) -> Response:
    namespace = namespace_of(request)
    del account_of(request).namespaces[namespace.facts["id"]]
    return answer(None)


def read_cursor(text: str) -> str:
    """Return the last key of the previous page, which the cursor encodes.

    Raises:
        Refusal: the text is not such a cursor.
    """
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise Refusal(400, (10028, "invalid cursor")) from None


@ROUTES("GET", "/{namespace_id}/keys")
async def _list_keys(request: Request) -> Response:
    """Answer with keys in the order of their names, at most `limit` after `cursor`."""
    namespace = namespace_of(request)
    limit = read_int(request, "limit", KEY_LIMITS.default)
    if not KEY_LIMITS.minimum <= limit <= KEY_LIMITS.maximum:
        raise Refusal(
            400,
            (10029, f"'limit' must be from {KEY_LIMITS.minimum} to {KEY_LIMITS.maximum}"),
        )
    prefix = request.query_params.get("prefix", "")
    after = request.query_params.get("cursor", "")
    last = read_cursor(after) if after else ""
    names = sorted(name for name in namespace.values if name.startswith(prefix) and name > last)
    chosen = names[:limit]
    more = len(names) > limit
    cursor = base64.urlsafe_b64encode(chosen[-1].encode()).decode() if more else ""
    keys = [_describe(name, namespace.values[name]) for name in chosen]
    return answer(keys, info={"count": len(keys), "cursor": cursor})


def _describe(name: str, value: Value) -> Json:
    key: Json = {"name": name}
    if value.expiration is not None:
        key["expiration"] = value.expiration
    if value.metadata is not None:
        key["metadata"] = value.metadata
    return key


def value_of(request: Request) -> Value:
    """Return the value that the path names.

    Raises:
        Refusal: the namespace has no such key.
    """
    value = namespace_of(request).values.get(request.path_params["key_name"])
    if value is None:
        raise Refusal(404, (10009, "get: 'key not found'"))
    return value


# `:path`, because a key may contain a slash, and the router sees it decoded.
@ROUTES("GET", "/{namespace_id}/values/{key_name:path}")
async def _get_value(request: Request) -> Response:
    """Answer with the bytes themselves, without an envelope."""
    value = value_of(request)
    headers = {} if value.expiration is None else {"expiration": str(value.expiration)}
    return Response(value.body, 200, headers, "application/octet-stream")


@ROUTES("GET", "/{namespace_id}/metadata/{key_name:path}")
async def _get_metadata(request: Request) -> Response:
    return answer(value_of(request).metadata)


def check_key(name: Any) -> str:
    """Return a key's name.

    Raises:
        Refusal: it is empty or longer than MAX_KEY_BYTES.
    """
    if not isinstance(name, str) or name in ("", ".", ".."):
        raise Refusal(400, (10033, "a key name must not be empty, '.' or '..'"))
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise Refusal(400, (10033, "a key name must be valid UTF-8")) from None
    if size_bytes > MAX_KEY_BYTES:
        raise Refusal(414, (10030, f"a key name has at most {MAX_KEY_BYTES} bytes"))
    return name


def check_expiration(expiration: Any, ttl: Any) -> int | None:
    """Return when a value expires, in seconds since the epoch, or None if it does not.

    Raises:
        Refusal: one of both is not an integer, or the lifetime is below MIN_TTL_SECONDS.
    """
    for given in (expiration, ttl):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise Refusal(400, (10034, "expiration and expiration_ttl are numbers of seconds"))
    if ttl is not None:
        if ttl < MIN_TTL_SECONDS:
            message = f"Invalid expiration_ttl of {ttl}. Expiration TTL must be at least 60."
            raise Refusal(400, (10035, message))
        return EPOCH_SECONDS + int(ttl)
    return None if expiration is None else int(expiration)


@ROUTES("PUT", "/{namespace_id}/values/{key_name:path}")
async def _put_value(request: Request) -> Response:
    """Store the body as it is, or a form with value and metadata."""
    namespace = namespace_of(request)
    name = check_key(request.path_params["key_name"])
    query = request.query_params
    expiration = check_expiration(
        read_int(request, "expiration", 0) if "expiration" in query else None,
        read_int(request, "expiration_ttl", 0) if "expiration_ttl" in query else None,
    )
    body, metadata = await read_body(request), None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        body, metadata = await _read_form(request, body)
    namespace.values[name] = Value(body, metadata, expiration)
    return answer(None)


async def _read_form(request: Request, body: bytes) -> tuple[bytes, Any]:
    fields = {names[0]: content for names, content in await read_parts(request, body)}
    if "value" not in fields:
        raise Refusal(400, (10036, "the form has no part 'value'"))
    try:
        metadata = json.loads(fields.get("metadata") or b"null")
    except (ValueError, RecursionError):
        raise Refusal(400, (10037, "the part 'metadata' is not JSON")) from None
    return fields["value"], metadata


@ROUTES("DELETE", "/{namespace_id}/values/{key_name:path}")
async def _delete_value(request: Request) -> Response:
    """Delete a value; a missing key is a success, too."""
    namespace_of(request).values.pop(request.path_params["key_name"], None)
    return answer(None)


def read_pair(pair: Any) -> tuple[str, Value]:
    """Return the key and value of one entry of a bulk write.

    Raises:
        Refusal: it is not an object with `key` and `value`, or its base64 is invalid.
    """
    if not isinstance(pair, dict) or not isinstance(pair.get("value"), str):
        raise Refusal(400, (10038, "each entry needs 'key' and 'value', both text"))
    body = pair["value"].encode("utf-8", "surrogatepass")
    if pair.get("base64"):
        try:
            body = base64.b64decode(body, validate=True)
        except ValueError:
            raise Refusal(400, (10039, "a value is not base64")) from None
    expiration = check_expiration(pair.get("expiration"), pair.get("expiration_ttl"))
    return check_key(pair.get("key")), Value(body, pair.get("metadata"), expiration)


async def read_list(request: Request) -> list[Any]:
    """Return the body, which must be a list of at most MAX_BULK_PAIRS entries.

    Raises:
        Refusal: it is not.
    """
    entries = await read_json(request)
    if not isinstance(entries, list) or len(entries) > MAX_BULK_PAIRS:
        raise Refusal(400, (10040, f"the body is a list of at most {MAX_BULK_PAIRS} entries"))
    return entries


@ROUTES("PUT", "/{namespace_id}/bulk")
async def _put_bulk(request: Request) -> Response:
    """Write all pairs, or none."""
    namespace = namespace_of(request)
    namespace.values.update([read_pair(pair) for pair in await read_list(request)])
    return answer(None)


@ROUTES("POST", "/{namespace_id}/bulk/delete")
@ROUTES("DELETE", "/{namespace_id}/bulk")
async def _delete_bulk(request: Request) -> Response:
    """Delete many keys; DELETE is the older form of the request."""
    namespace = namespace_of(request)
    for name in [check_key(name) for name in await read_list(request)]:
        namespace.values.pop(name, None)
    return answer(None)
