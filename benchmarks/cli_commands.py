"""Commands made from the operations of an OpenAPI document, and their help."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
# Deeper properties of a body are left to the model, as in other generated command lines.
BODY_DEPTH = 3
USAGE = """\
usage: api GROUP COMMAND [OPTIONS]
  api GROUP --help            lists the commands of a group
  api GROUP COMMAND --help    describes the options of a command
options of every command:
  --query JMESPATH            select from the answer
  --text                      print strings bare, a list line by line
groups:"""


@dataclass(frozen=True)
class Command:
    """An operation as a command; its parameters include those of the path item."""

    name: str
    method: str
    path: str
    operation: dict[str, Any]

    @property
    def summary(self) -> str:
        text = self.operation.get("summary") or self.operation.get("description") or ""
        return " ".join(str(text).split())


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def resolve(document: dict[str, Any], value: Any) -> Any:
    """Return what `value` refers to; references inside it stay."""
    # Bounded, because references may go in a circle.
    for _ in range(20):
        if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
            break
        target: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            part = urllib.parse.unquote(part).replace("~1", "/").replace("~0", "~")
            target = target.get(part, {}) if isinstance(target, dict) else {}
        value = target
    return value


def read_groups(document: dict[str, Any]) -> dict[str, dict[str, Command]]:
    """Return the commands by group and name; a command's name does not repeat its group's."""
    groups: dict[str, dict[str, Command]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = {**item[method]}
            operation["parameters"] = item.get("parameters", []) + operation.get("parameters", [])
            name = slug(operation.get("operationId") or f"{method} {path}")
            title = slug((operation.get("tags") or ["api"])[0])
            group = groups.setdefault(title, {})
            short = name.removeprefix(f"{title}-")
            candidates = (short, name, f"{name}-{method}")
            name = next(each for each in candidates if each not in group)
            group[name] = Command(name, method.upper(), path, operation)
    return groups


def find_options(document: dict[str, Any], command: Command) -> dict[str, dict[str, Any]]:
    """Return the parameters of a command by the name of their option."""
    options: dict[str, dict[str, Any]] = {}
    for given in command.operation["parameters"]:
        parameter = resolve(document, given)
        if parameter.get("in") == "cookie" or "name" not in parameter:
            continue
        name = parameter["name"].replace("_", "-")
        taken = name in ("query", "body", "text", "help")
        options[f"--param-{name}" if taken else f"--{name}"] = parameter
    return options


def list_groups(groups: dict[str, dict[str, Command]]) -> str:
    lines = [f"  {name} ({len(commands)})" for name, commands in sorted(groups.items())]
    return "\n".join([USAGE, *lines])


def list_commands(group: str, commands: dict[str, Command]) -> str:
    lines = [f"  {name}: {command.summary}" for name, command in commands.items()]
    return "\n".join([f"usage: api {group} COMMAND [OPTIONS]", *lines])


def describe(document: dict[str, Any], group: str, command: Command) -> str:
    """Return the help of a command."""
    lines = [f"usage: api {group} {command.name} [OPTIONS]", command.summary]
    description = " ".join(str(command.operation.get("description") or "").split())
    if description and description != command.summary:
        lines.append(description)
    for option, parameter in find_options(document, command).items():
        schema = parameter.get("schema", {})
        text = parameter.get("description") or resolve(document, schema).get("description")
        lines.append(describe_value(document, f"  {option}", parameter, schema, text))
    body = resolve(document, command.operation.get("requestBody") or {})
    for media, content in list(body.get("content", {}).items())[:1]:
        needed = " (required)" if body.get("required") else ""
        lines.append(f"  --body VALUE|@FILE{needed}: {media}")
        lines += describe_schema(document, content.get("schema", {}), 2)
    return "\n".join(lines)


def describe_value(
    document: dict[str, Any], name: str, required: dict[str, Any], schema: Any, text: str | None
) -> str:
    schema = resolve(document, schema)
    kind = schema.get("type") or ("object" if "properties" in schema else "any")
    kind = "|".join(kind) if isinstance(kind, list) else kind
    if schema.get("enum"):
        kind = "|".join(str(value) for value in schema["enum"])
    if kind == "array":
        items = resolve(document, schema.get("items", {}))
        kind = f"array of {items.get('type', 'any')}"
    bounds = [f"{key} {schema[key]}" for key in ("minimum", "maximum", "default") if key in schema]
    note = ", ".join(["required"] * bool(required.get("required") is True) + bounds)
    note = f" ({note})" if note else ""
    text = f": {' '.join(text.split())}" if text else ""
    return f"{name} {kind}{note}{text}"


def describe_schema(document: dict[str, Any], schema: Any, depth: int) -> list[str]:
    """Return lines for the properties of a body, alternatives merged."""
    properties, required = merge(document, schema)
    lines = []
    for name, inner in properties.items():
        inner = resolve(document, inner)
        about = {"required": name in required}
        indented = f"{'  ' * depth}{name}"
        lines.append(describe_value(document, indented, about, inner, inner.get("description")))
        if depth <= BODY_DEPTH:
            lines += describe_schema(document, inner, depth + 1)
    return lines


def merge(document: dict[str, Any], schema: Any) -> tuple[dict[str, Any], set[str]]:
    """Return the properties of a schema, or of an array's items, and the names of required ones."""
    schema = resolve(document, schema)
    if schema.get("type") == "array" and "items" in schema:
        return merge(document, schema["items"])
    properties = dict(schema.get("properties", {}))
    required = set(schema.get("required", []))
    for key in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(key, []):
            more, needed = merge(document, part)
            properties = {**more, **properties}
            required |= needed if key == "allOf" else set()
    return properties, required
