"""The modules that the code may import, and what to use instead of the others."""

# Everything here needs no file, no socket, no thread and no process to be useful. The image is
# built with all of them imported: later there is no file system to import from.
ALLOWED_MODULES = (
    *("abc", "array", "asyncio", "base64", "binascii", "bisect", "calendar", "cmath", "codecs"),
    *("collections", "collections.abc", "colorsys", "configparser", "contextlib", "contextvars"),
    *("copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "email.message"),
    *("email.mime.multipart", "email.mime.text", "email.utils", "enum", "fnmatch", "fractions"),
    *("functools", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html", "html.entities"),
    *("html.parser", "http", "io", "ipaddress", "itertools", "json", "keyword", "logging", "math"),
    *("mimetypes", "numbers", "operator", "pprint", "random", "re", "reprlib", "secrets", "shlex"),
    *("statistics", "string", "struct", "textwrap", "time", "tomllib", "traceback", "types"),
    *("typing", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref"),
    *("xml.etree.ElementTree", "xml.sax.saxutils", "zlib"),
)

# Packages that are only a way to an allowed module: urllib, email, xml, xml.etree …
PACKAGES = frozenset(
    module[:end]
    for module in ALLOWED_MODULES
    for end in range(len(module))
    if module[end] == "." and module[:end] not in ALLOWED_MODULES
)

LISTED = ", ".join(ALLOWED_MODULES)

HTTP = "http"
"""The hint that depends on what is in scope."""

NO_FILES = "there is no file system; keep data in variables and `return` it"
NO_PROCESSES = "there are no processes"
NO_THREADS = "there are no threads; use asyncio.gather or asyncio.TaskGroup"
NO_SYSTEM = "there is no environment and no file system; tokens are added to requests by the host"

HINTS = {
    **dict.fromkeys(
        (
            "requests",
            "httpx",
            "aiohttp",
            "urllib3",
            "http",
            "urllib",
            "socket",
            "ssl",
            "websockets",
        ),
        HTTP,
    ),
    **dict.fromkeys(("pathlib", "shutil", "tempfile", "glob", "fileinput", "zipfile"), NO_FILES),
    **dict.fromkeys(("os", "dotenv", "environ", "getpass", "platform", "pwd"), NO_SYSTEM),
    **dict.fromkeys(("subprocess", "multiprocessing", "signal"), NO_PROCESSES),
    **dict.fromkeys(("threading", "concurrent", "queue", "_thread", "sched"), NO_THREADS),
    "sys": "use `return` to end and `print` to log; both streams are captured",
    "inspect": "use callable(), type(), vars() or asyncio.iscoroutine()",
    "pickle": "use json",
    "ast": "use json.loads",
    "yaml": "use json; there are no third-party packages",
    "pandas": "use lists, dicts, collections and statistics; there are no third-party packages",
    "numpy": "use math and statistics; there are no third-party packages",
    "pydantic": "use dataclasses or plain dicts; there are no third-party packages",
    "typing_extensions": "use typing",
    "dateutil": "use datetime.datetime.fromisoformat",
    "pytz": "use datetime.timezone; there is no time zone database",
    "zoneinfo": "use datetime.timezone; there is no time zone database",
    "nest_asyncio": "not needed; write `await` directly",
    "anyio": "use asyncio",
    "trio": "use asyncio",
    "sqlite3": "there are no files; use dicts and lists",
    "builtins": "the usual builtins are in scope without an import",
    "importlib": "write a plain import",
}

# Members of allowed modules that cannot work here.
MEMBERS = {
    ("time", "sleep"): "time.sleep would stop everything; write `await asyncio.sleep(seconds)`",
    ("asyncio", "run"): "the event loop already runs; write `await main()`",
}


def is_allowed(module: str) -> bool:
    """Say whether `import module` is allowed."""
    return module in _ALLOWED or module in PACKAGES


def is_member_allowed(module: str, member: str) -> bool:
    """Say whether `from module import member` is allowed."""
    return module in _ALLOWED or (module in PACKAGES and is_allowed(f"{module}.{member}"))


def hint(module: str, namespaces: tuple[str, ...]) -> str:
    """Return what to use instead of a module, given the names of the host namespaces, or ""."""
    if module.partition(".")[0] in namespaces:
        return f"`{module.partition('.')[0]}` is already in scope; remove this line"
    found = HINTS.get(module) or HINTS.get(module.partition(".")[0], "")
    if found != HTTP:
        return found
    if namespaces:
        return f"use `await {namespaces[0]}.request(method, path)`"
    return "there is no network here; everything about the API is in `spec`"


_ALLOWED = frozenset(ALLOWED_MODULES)
