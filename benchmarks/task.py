"""Loads the tasks in `tasks/*.yaml` and refuses files that break the format in `tasks/RULES.md`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

FOLDER = Path(__file__).parent / "tasks"
KINDS = Literal[
    "find and read",
    "list with paging",
    "join",
    "aggregate",
    "create and verify",
    "conditional bulk change",
    "schema question",
    "recover from an error",
]
# By approach, the solutions that it can play; it plays the first of them that the file has.
SOLUTIONS = {
    "raw": ("raw", "classic"),
    "classic-mcp": ("classic",),
    "tool-search": ("classic",),
    "cli": ("cli",),
    "fastmcp-code-mode": ("fastmcp-code-mode",),
    "pymode": ("pymode",),
}
OPERATION = re.compile("(GET|POST|PUT|PATCH|DELETE) /.*")
REQUEST_FIELDS = {"request", "path", "query", "body", "each"}


class TaskError(Exception):
    """A task file does not follow the format."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, for which each approach has its own tool.

    Args:
        operation: method and path as in the document, `GET /zones/{zone_id}`.
        path, query, body: values for them; a string that begins with `=` is an expression.
        each: an expression for a list; the call is made for all its items in parallel.
    """

    operation: str
    path: Mapping[str, JsonValue]
    query: Mapping[str, JsonValue]
    body: JsonValue
    each: str | None = None


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool by its name.

    Args:
        tool: as the approach lists it.
        arguments: by name, or a text for the only required argument. In texts, `«expression»` is
            replaced by its value.
        each: as in a `Request`.
    """

    tool: str
    arguments: JsonValue
    each: str | None = None


Call = Request | ToolCall


@dataclass(frozen=True)
class Solution:
    """How one approach solves a task.

    Args:
        search: queries for tools, in parallel, before the first turn.
        turns: the parallel calls of each turn.
        answer: an expression over the answers that were read.
    """

    search: tuple[str, ...]
    turns: tuple[tuple[Call, ...], ...]
    answer: str


@dataclass(frozen=True)
class Check:
    """One check of the state after the run: GET `get`, take `select`, compare with `value`.

    Args:
        get: path and query.
        select: dotted path, `[0]` for items of lists.
        count: compare the length instead of the value.
        value: the right value.
    """

    get: str
    select: str
    count: bool
    value: JsonValue


@dataclass(frozen=True)
class Task:
    """A goal, checks that it was reached, and the solution of each approach."""

    id: str
    title: str
    kind: str
    goal: str
    state: Mapping[str, int]
    answer: JsonValue
    any_order: bool
    final: tuple[Check, ...]
    writes: int
    solutions: Mapping[str, Solution]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CheckFile(Strict):
    get: str
    select: str
    count: bool = False
    value: JsonValue = Field(alias="is")


class SearchFile(Strict):
    search: list[str] = Field(min_length=1)
    turns: list[dict[str, JsonValue]] | None = None


class SolutionsFile(Strict):
    raw: list[dict[str, JsonValue]] | None = None
    classic: list[dict[str, JsonValue]]
    tool_search: SearchFile = Field(alias="tool-search")
    cli: list[dict[str, JsonValue]]
    fastmcp: list[dict[str, JsonValue]] = Field(alias="fastmcp-code-mode")
    pymode: list[dict[str, JsonValue]]


class TaskFile(Strict):
    title: str = Field(min_length=1)
    kind: KINDS
    goal: str = Field(min_length=1)
    state: dict[Literal["zones", "rate_limit", "rate_limit_refusals"], int] = {}
    answer: JsonValue
    order: Literal["any", "fixed"] = "fixed"
    final: list[CheckFile] = []
    writes: int = 0
    solutions: SolutionsFile


def load_tasks(folder: Path = FOLDER) -> list[Task]:
    """Return all tasks of a folder, by number.

    Raises:
        TaskError: a file does not follow the format; the message names it.
    """
    return [load_task(path) for path in sorted(folder.glob("*.yaml"))]


def load_task(path: Path) -> Task:
    """Return the task of one file.

    Raises:
        TaskError: the file does not follow the format.
    """
    try:
        file = TaskFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        return Task(
            id=path.stem,
            title=file.title,
            kind=file.kind,
            goal=file.goal.strip(),
            state=dict(file.state),
            answer=file.answer,
            any_order=file.order == "any",
            final=tuple(Check(c.get, c.select, c.count, c.value) for c in file.final),
            writes=file.writes,
            solutions=read_solutions(file),
        )
    except (ValidationError, yaml.YAMLError, ValueError, SyntaxError) as error:
        raise TaskError(f"{path.name}: {error}") from error


def read_solutions(file: TaskFile) -> dict[str, Solution]:
    lists = file.solutions.model_dump(by_alias=True, exclude={"tool_search"}, exclude_none=True)
    searched = file.solutions.tool_search
    lists["tool-search"] = searched.turns or lists["classic"]
    solutions = {}
    for name, sources in SOLUTIONS.items():
        source = name if name in lists else next(one for one in sources if one in lists)
        search = tuple(searched.search) if name == "tool-search" else ()
        solutions[name] = read_solution(lists[source], search)
        check_literals(solutions[name].answer, file.answer, file.goal)
    return solutions


def read_solution(steps: list[dict[str, JsonValue]], search: tuple[str, ...] = ()) -> Solution:
    """Return a solution, a list of turns that ends with the answer."""
    *turns, last = steps
    answer = last.get("answer")
    if set(last) != {"answer"} or not isinstance(answer, str):
        raise ValueError("the last turn of a solution is `answer:` with an expression")
    ast.parse(answer.strip(), mode="eval")
    return Solution(search, tuple(read_turn(turn) for turn in turns), answer.strip())


def read_turn(turn: dict[str, JsonValue]) -> tuple[Call, ...]:
    calls = turn["calls"] if set(turn) == {"calls"} else [turn]
    if not isinstance(calls, list) or not calls:
        raise ValueError("`calls:` is a list of calls")
    return tuple(read_call(call) for call in calls)


def read_call(call: JsonValue) -> Call:
    if not isinstance(call, dict):
        raise ValueError(f"a call is a mapping, not {call!r}")
    each = call.get("each")
    if each is not None:
        if not isinstance(each, str):
            raise ValueError("`each:` is an expression")
        ast.parse(each.strip(), mode="eval")
    if "request" in call:
        if unknown := set(call) - REQUEST_FIELDS:
            raise ValueError(f"a request has no field {', '.join(sorted(unknown))}")
        operation = str(call["request"])
        if not OPERATION.fullmatch(operation):
            raise ValueError(f"a request is METHOD /path, not {operation!r}")
        path, query = call.get("path", {}), call.get("query", {})
        if not isinstance(path, dict) or not isinstance(query, dict):
            raise ValueError("`path:` and `query:` of a request are mappings")
        return Request(operation, path, query, call.get("body"), each)
    tools = [name for name in call if name != "each"]
    if len(tools) != 1 or tools == ["answer"]:
        raise ValueError(f"a call has one tool, not {', '.join(tools) or 'none'}")
    return ToolCall(tools[0], call[tools[0]], each)


def check_literals(expression: str, answer: JsonValue, goal: str) -> None:
    """Refuse an answer that is written into the file instead of read by the model.

    The expression must use what was read, and must not contain a part of the right answer that the
    goal does not mention. Whole numbers below 3 are allowed, because they are indexes.
    """
    tree = ast.parse(expression, mode="eval")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not names & {"a", "definitions", "document"}:
        raise ValueError(f"the answer {expression!r} uses nothing that was read")
    right = {part for part in parts_of(answer) if not isinstance(part, bool) and str(part)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool | None):
            continue
        is_index = isinstance(node.value, int) and abs(node.value) < 3
        if not is_index and node.value in right and str(node.value) not in goal:
            raise ValueError(f"the answer {expression!r} has {node.value!r} written in it")


def parts_of(value: JsonValue) -> Iterator[str | int | float | bool]:
    """Yield the keys and the single values of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from parts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from parts_of(item)
    elif value is not None:
        yield value
