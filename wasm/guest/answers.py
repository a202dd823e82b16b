"""Read what the host replied: an envelope, or a failure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from guest import protocol

Error = dict[str, object]

SHOWN_ERRORS = 5
MAX_MESSAGE_CHARS = 300
# Levels. In the sandbox json's parser has no limit of its own: at about 4,000 levels it exhausts
# the stack, which would end the whole call.
MAX_DEPTH = 1000
PIECE_CHARS = 4096
BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)


class APIError(Exception):
    """A request failed.

    Args:
        message: what went wrong, without the request.
        status: the HTTP status; None when no answer came back.
        errors: what the API says: dicts with at least `code` (may be None) and `message`.
        ray_id: of the answer, for support.
        retry_after: seconds to wait, when the API says so.
        request: method and path.
    """

    # The subclass for requests that a rule of the operator forbids.
    Refused: type[APIError]

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        errors: Iterable[Error] = (),
        ray_id: str | None = None,
        retry_after: float | None = None,
        request: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = list(errors)
        self.ray_id = ray_id
        self.retry_after = retry_after
        self._request = request

    def __str__(self) -> str:
        start = f"{self.status or ''} {self._request[:200]}".strip()
        text = f"{start}: {self.message}" if start else self.message
        if self.retry_after is not None:
            text += f" (retry after {self.retry_after:g} s)"
        return f"{text} (ray {self.ray_id})" if self.ray_id else text


class RequestFailed(Exception):
    """A request failed; the namespace raises its own error class in place of this one.

    Args:
        summary: what went wrong.
        head: of the reply.
        errors: what the API says.
        kind: of the failure, where the host has no answer of the API.
    """

    def __init__(
        self,
        summary: str,
        head: Mapping[str, object],
        errors: Iterable[Error] = (),
        kind: str | None = None,
    ) -> None:
        super().__init__(summary)
        note = head.get("note")
        self.kind = kind
        self.summary = f"{summary}; {note}" if note else summary
        status, ray_id = head.get("status"), head.get("ray_id")
        self.status = status if isinstance(status, int) else None
        self.ray_id = ray_id if isinstance(ray_id, str) else None
        self.errors = list(errors)
        seconds = str(head.get("retry_after", ""))
        self.retry_after = float(seconds) if re.fullmatch(r"\d{1,9}", seconds) else None


def read(method: str, path: str, reply: str) -> dict[str, object]:
    """Read a reply of the host.

    Args:
        method: of the request, in upper case.
        path: of the request.
        reply: as the host wrote it.

    Returns:
        The envelope: success, status, result, errors, messages, and what else the API put there.

    Raises:
        RequestFailed: the request failed.
    """
    answer = protocol.read_reply(reply)
    failure = answer.failure
    if failure is not None:
        errors: list[Error] = [{"code": failure.kind, "message": failure.message}]
        raise RequestFailed(failure.message, answer.head, errors, failure.kind)
    envelope = read_answer(method, path, answer.head, answer.body)
    return envelope | {"dry_run": True} if "dry_run" in answer.head else envelope


def read_answer(method: str, path: str, head: Mapping[str, object], body: str) -> dict[str, object]:
    """Read the answer of the API, or the example that a dry run gives.

    Raises:
        RequestFailed: the answer is an error.
    """
    status = int(str(head["status"]))
    value: object = None
    if head["kind"] == "json":
        value = parse(body, head)
    elif head["kind"] == "text":
        value = body
    elif head["kind"] == "bytes":
        value = base64.b64decode(body)
    if 300 <= status < 400:
        raise RequestFailed(describe_redirect(head), head)
    bare_path = path.partition("?")[0].rstrip("/")
    if method == "POST" and bare_path.endswith("/graphql") and is_graphql(value):
        return read_graphql(value, head)
    return read_envelope(value, head)


def parse(body: str, head: Mapping[str, object]) -> object:
    """Parse a JSON body.

    Raises:
        RequestFailed: it is damaged, or nested too deep.
    """
    reason = "is nested too deep"
    try:
        if not is_too_deep(body):
            return json.loads(body)
    except RecursionError:
        pass
    except ValueError as error:
        reason = f"does not parse ({error})"
    shown = repr(body[:100]) + ("…" if len(body) > 100 else "")
    raise RequestFailed(f"the JSON of the answer {reason}: {shown}", head)


def is_too_deep(body: str) -> bool:
    """Say whether JSON is nested deeper than `MAX_DEPTH`."""
    # Counting brackets is a hundred times faster than reading them in order, and mostly enough.
    deepest = depth = 0
    for start in range(0, len(body), PIECE_CHARS):
        piece = body[start : start + PIECE_CHARS]
        opened = piece.count("[") + piece.count("{")
        deepest = max(deepest, depth + opened)
        depth += opened - piece.count("]") - piece.count("}")
    if deepest <= MAX_DEPTH:
        return False
    depth = 0
    for match in BRACKET.finditer(body):
        bracket = match[0]
        if bracket in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif bracket in ("]", "}"):
            depth -= 1
    return False


def describe_redirect(head: Mapping[str, object]) -> str:
    """Say where a redirect points to."""
    location = head.get("location")
    if location:
        return f"redirect to {location}, which is not followed"
    return describe_status(head["status"])


def describe_status(status: object) -> str:
    """Name a status, such as "Not Found"."""
    try:
        return HTTPStatus(int(str(status))).phrase
    except ValueError:
        return f"status {status}"


def is_graphql(value: object) -> bool:
    """Say whether an answer is GraphQL's and not the usual envelope."""
    return (
        isinstance(value, dict) and "success" not in value and bool({"data", "errors"} & {*value})
    )


def read_graphql(value: object, head: Mapping[str, object]) -> dict[str, object]:
    """Bring a GraphQL answer into the envelope; errors without any data are a failure."""
    answer = value if isinstance(value, dict) else {}
    data, errors = answer.get("data"), list_errors(answer)
    status = head["status"]
    if (errors and data is None) or int(str(status)) >= 400:
        raise RequestFailed(summarize(errors) or describe_status(status), head, errors)
    envelope = {"success": not errors, "status": status, "result": data}
    return envelope | {"errors": errors, "messages": []}


def read_envelope(value: object, head: Mapping[str, object]) -> dict[str, object]:
    """Return the API's own envelope, or put its answer into one."""
    status = head["status"]
    enveloped = (
        isinstance(value, dict) and "success" in value and bool({"result", "errors"} & {*value})
    )
    envelope: dict[str, object] = {"success": True, "status": status, "result": value}
    envelope |= {"errors": [], "messages": []}
    if isinstance(value, dict) and enveloped:
        envelope |= {"result": None} | value | {"status": status}
    elif "link" in head:
        envelope["link"] = head["link"]
    if int(str(status)) >= 400 or not envelope["success"]:
        errors = list_errors(value)
        raise RequestFailed(summarize(errors) or describe_status(status), head, errors)
    return envelope


def list_errors(value: object) -> list[Error]:
    """Find the errors in an answer, in the forms that APIs use.

    Cloudflare and GraphQL: `errors`; GitHub: `message` and `errors`; RFC 9457: `title` and
    `detail`; OAuth: `error` and `error_description`; others: text, or a page with a title.
    """
    if isinstance(value, str):
        title = TITLE.search(value[:10_000])
        text = (title[1] if title else value[:MAX_MESSAGE_CHARS]).strip()
        return [{"code": None, "message": text}] if text else []
    if not isinstance(value, dict):
        return []
    errors: list[Error] = []
    error = value.get("error")
    if isinstance(error, dict):
        errors.append(write_error(error))
    elif isinstance(error, str):
        description = value.get("error_description")
        errors.append({"code": error, "message": str(description or error)})
    texts = [
        value[key] for key in ("message", "title", "detail") if isinstance(value.get(key), str)
    ]
    if texts:
        errors.append({"code": value.get("code"), "message": ": ".join(dict.fromkeys(texts))})
    listed = value.get("errors")
    if isinstance(listed, list):
        errors += [write_error(item) for item in listed]
    elif isinstance(listed, dict):
        errors += [{"code": key, "message": str(item)} for key, item in listed.items()]
    return errors


def write_error(item: object) -> Error:
    """Give one error a code and a message, and keep what else it has."""
    if not isinstance(item, dict):
        return {"code": None, "message": str(item)}
    start: Error = {"code": None}
    if isinstance(item.get("message"), str):
        return start | item
    # GitHub: {"resource": "Issue", "field": "title", "code": "missing_field"}
    fields = [str(item[key]) for key in ("resource", "field", "title", "detail") if key in item]
    return start | item | {"message": " ".join(fields) or json.dumps(item)[:MAX_MESSAGE_CHARS]}


def summarize(errors: list[Error], *, causes: bool = True) -> str:
    """Write errors in one line: codes, messages, and the causes that Cloudflare chains."""
    texts = []
    for error in errors[:SHOWN_ERRORS]:
        text = " ".join(str(part) for part in (error["code"], error["message"]) if part is not None)
        chain = error.get("error_chain")
        if causes and isinstance(chain, list) and chain:
            caused = [write_error(item) for item in chain]
            text += f" ({summarize(caused, causes=False)})"
        texts.append(text[:MAX_MESSAGE_CHARS])
    if len(errors) > SHOWN_ERRORS:
        texts.append(f"and {len(errors) - SHOWN_ERRORS} more")
    return "; ".join(texts)
