"""A command line made from an OpenAPI document: `api GROUP COMMAND --option value`.

Run it as `python -m benchmarks.generated_cli DOCUMENT …` with API_URL and API_TOKEN set. It does
what common generators do: groups are tags, commands are operations, `--query` is JMESPath as in
aws, and `@FILE` reads a file as in curl. Its help is short, because a model pays for what it reads.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.cli_commands import (
    Command,
    describe,
    find_options,
    list_commands,
    list_groups,
    read_groups,
    resolve,
)

TIMEOUT_SECONDS = 25.0


class UsageError(Exception):
    """The command line is wrong; the message says why."""


def parse(words: Sequence[str], options: Sequence[str]) -> dict[str, str]:
    """Return the values by option, from `--option value` or `--option=value`."""
    values: dict[str, str] = {}
    left = list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if name == "--text":
            values[name] = "yes"
            continue
        if name not in (*options, "--query", "--body"):
            raise UsageError(f"unknown option {name}; see --help")
        if not equals:
            if not left:
                raise UsageError(f"{name} needs a value")
            value = left.pop(0)
        values[name] = value
    return values


def make_request(
    document: dict[str, Any], command: Command, values: dict[str, str]
) -> urllib.request.Request:
    """Return the request of a command with its options."""
    path, query = command.path, []
    headers = {"Authorization": f"Bearer {os.environ.get('API_TOKEN', '')}"}
    for option, parameter in find_options(document, command).items():
        place, name = parameter.get("in"), parameter["name"]
        if option not in values:
            if parameter.get("required"):
                raise UsageError(f"{option} is required; see --help")
        elif place == "path":
            path = path.replace(f"{{{name}}}", urllib.parse.quote(values[option], safe=""))
        elif place == "query":
            query.append((name, values[option]))
        else:
            headers[name] = values[option]
    url = os.environ["API_URL"] + path + ("?" + urllib.parse.urlencode(query) if query else "")
    body = None
    if "--body" in values:
        declared = resolve(document, command.operation.get("requestBody") or {})
        medium = next(iter(declared.get("content", {})), "application/json")
        body, headers["Content-Type"] = encode(read_value(values["--body"]), medium)
    return urllib.request.Request(url, body, headers, method=command.method)


def read_value(text: str) -> bytes:
    try:
        return Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
    except OSError as error:
        raise UsageError(f"cannot read {text[1:]}: {error.strerror}") from None


def encode(raw: bytes, medium: str) -> tuple[bytes, str]:
    """Return a body and its content type; a form is made from the fields of a JSON object."""
    if medium not in ("application/json", "multipart/form-data"):
        return raw, medium
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise UsageError(f"--body is not JSON: {error}") from None
    if medium == "application/json":
        return raw, medium
    if not isinstance(value, dict):
        raise UsageError("--body must be a JSON object of form fields")
    boundary = uuid.uuid4().hex
    parts = []
    for name, content in value.items():
        text = content if isinstance(content, str) else json.dumps(content)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if text.startswith("@"):
            head += f'; filename="{Path(text[1:]).name}"'
        parts.append(f"{head}\r\n\r\n".encode() + read_value(text) + b"\r\n")
    end = f"--{boundary}--\r\n".encode()
    return b"".join(parts) + end, f"multipart/form-data; boundary={boundary}"


def show(answer: bytes, values: dict[str, str]) -> str:
    """Return the output for an answer: compact JSON, or its text if it is not JSON."""
    try:
        value = json.loads(answer)
    except ValueError:
        if "--query" in values:
            raise UsageError("--query needs a JSON answer, and this is none") from None
        return answer.decode(errors="replace")
    if "--query" in values:
        import jmespath

        try:
            value = jmespath.search(values["--query"], value)
        except jmespath.exceptions.JMESPathError as error:
            raise UsageError(f"--query: {error}") from None
    if "--text" in values:
        lines = value if isinstance(value, list) else [value]
        return "\n".join(line if isinstance(line, str) else dump(line) for line in lines)
    return dump(value)


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def run(document: dict[str, Any], words: Sequence[str]) -> str:
    """Return what the command line prints.

    Raises:
        UsageError: the command line is wrong.
        urllib.error.URLError: the API refused, or could not be reached.
    """
    groups = read_groups(document)
    words = ["--help" if word == "-h" else word for word in words]
    if not words or words[0] == "--help":
        return list_groups(groups)
    group, *rest = words
    if group not in groups:
        raise UsageError(f"there is no group {group}; `api --help` lists them")
    if not rest or rest[0] == "--help":
        return list_commands(group, groups[group])
    name, *given = rest
    if name not in groups[group]:
        raise UsageError(f"there is no command {name} in {group}; `api {group} --help` lists them")
    command = groups[group][name]
    if "--help" in given:
        return describe(document, group, command)
    values = parse(given, list(find_options(document, command)))
    request = make_request(document, command, values)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
        return show(reply.read(), values)


def main() -> None:
    try:
        print(run(json.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2:]))
    except BrokenPipeError:
        # The reader stopped early, as `| head` does; Python would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UsageError as error:
        fail(f"api: {error}", 2)
    except urllib.error.HTTPError as error:
        fail(f"{error.code} {error.read().decode(errors='replace')}", 1)
    except (urllib.error.URLError, TimeoutError) as error:
        fail(f"api: the API cannot be reached: {error}", 1)


def fail(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
