"""The objects that the code calls, such as `cloudflare`, and the errors that they raise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from guest import answers, bodies, pages
from guest.answers import APIError, RequestFailed

Call = Callable[[str, str], Awaitable[str]]

PARAMETERS = (
    "method",
    "path",
    "query",
    "body",
    "headers",
    "content_type",
    "raw_body",
    "files",
)
# Names from other clients. Only exact synonyms are accepted, so that nothing is misread.
SYNONYMS = {"contentType": "content_type", "rawBody": "raw_body"}
HINTS = {
    "params": "query",
    "json": "body",
    "data": "body",
    "url": "path",
    "content": "body with raw_body=True",
}


class Namespace:
    """One API: `request`, and `pages` for lists.

    Args:
        name: the name that the code uses.
        call: takes the name and a payload, returns the reply of the host.
        error_class: raised for every failure.
    """

    def __init__(self, name: str, call: Call, error_class: type[APIError]) -> None:
        self._name = name
        self._call = call
        self._error_class = error_class

    def __repr__(self) -> str:
        return f"<await {signature(self._name)}; {pages.signature(self._name)}>"

    def __getattr__(self, attribute: str) -> object:
        msg = (
            f"{self._name} has no {attribute!r}; use await {signature(self._name)}"
            f" or {pages.signature(self._name)}"
        )
        raise AttributeError(msg)

    async def request(self, *args: object, **keywords: object) -> dict[str, object]:
        """Send one request and return its envelope with `status`.

        Args:
            args: method, path, query, body, headers, content_type, raw_body, files in this
                order, or one dict with these keys.
            keywords: the same by name.

        Raises:
            APIError: the answer is an error, or there is none.
            TypeError: an argument cannot be used.
        """
        options = bind(self._name, args, keywords)
        method, path = options["method"], options["path"]
        if not isinstance(method, str) or not isinstance(path, str):
            raise TypeError(f"method and path must be strings: {signature(self._name)}")
        method = method.upper()
        payload = bodies.write(method, path, options)
        reply = await self._call(self._name, payload)
        try:
            return answers.read(method, path, reply)
        except RequestFailed as failure:
            refused = failure.kind == "rule"
            error = (self._error_class.Refused if refused else self._error_class)(
                failure.summary,
                status=failure.status,
                errors=failure.errors,
                ray_id=failure.ray_id,
                retry_after=failure.retry_after,
                request=f"{method} {path}",
            )
        # Raised outside of the handler, so that no exception of the guest is its context.
        raise error

    def pages(self, *args: object, **keywords: object) -> pages.Pages:
        """Iterate over all items of a list with `async for`, whatever the pages are like.

        Args:
            args: path and query, in this order.
            keywords: the same by name; limit: the most items, None for all; key: of the list in
                the result, where there are several; headers.

        Raises:
            TypeError: an argument cannot be used. A failure of a request raises when it happens.
        """
        return pages.make(self._name, self.request, self._error_class, args, keywords)


class ExecuteOnly:
    """Stands for a namespace of `execute` in a search; any use of it raises an error."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        msg = f"{self._name}.{attribute} is there in execute only; search reads, and calls nothing"
        raise AttributeError(msg)


def error_name(name: str) -> str:
    """Return the name of the error class of a namespace: `CloudflareError` for "cloudflare"."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Error"


def make(name: str, call: Call) -> tuple[Namespace, type[APIError]]:
    """Make the object of a namespace and its error class.

    Args:
        name: such as "cloudflare", whose error class is `CloudflareError`.
        call: takes the name and a payload, returns the reply of the host.
    """
    title = error_name(name)
    text = f"A request of {name} failed: status, errors, ray_id, message."
    error_class: type[APIError] = type(
        title, (APIError,), {"__doc__": text, "__module__": "builtins"}
    )
    text = f"A rule of the operator of {name} is against a request; it was not sent."
    error_class.Refused = type(
        title.replace("Error", "Refused"),
        (error_class,),
        {"__doc__": text, "__module__": "builtins"},
    )
    return Namespace(name, call, error_class), error_class


def signature(name: str) -> str:
    """Show how `request` is called."""
    return (
        f"{name}.request(method, path, query=None, body=None, headers=None,"
        " content_type=None, raw_body=False, files=None)"
    )


def bind(name: str, args: tuple[object, ...], keywords: Mapping[str, object]) -> dict[str, object]:
    """Bring the three ways of calling into one dict with every parameter.

    Raises:
        TypeError: an argument is unknown, missing, or given twice.
    """
    given: list[tuple[object, object]] = []
    if args and isinstance(args[0], Mapping):
        given += args[0].items()
        args = args[1:]
        if args:
            raise TypeError(f"after one dict only keywords may follow: {signature(name)}")
    if len(args) > len(PARAMETERS):
        raise TypeError(f"too many arguments: {signature(name)}")
    given += zip(PARAMETERS, args, strict=False)
    given += keywords.items()
    options: dict[str, object] = {}
    for key, value in given:
        parameter = SYNONYMS.get(str(key), str(key))
        if parameter not in PARAMETERS:
            hint = f" (use {HINTS[parameter]})" if parameter in HINTS else ""
            raise TypeError(f"unknown argument {parameter!r}{hint}: {signature(name)}")
        if parameter in options:
            raise TypeError(f"argument {parameter!r} is given twice: {signature(name)}")
        options[parameter] = value
    missing = [parameter for parameter in PARAMETERS[:2] if parameter not in options]
    if missing:
        raise TypeError(f"missing {' and '.join(missing)}: {signature(name)}")
    return dict.fromkeys(PARAMETERS) | options
