"""The accepted shapes of code, brought into one: a coroutine function whose result is the value.

    async def or def          beside imports, constants, classes and helpers; `main` is called if
                              there is one, else the last that no other function uses, an
                              asynchronous one first. Parameters named like something in scope
                              (`spec`, `account_id` …) are passed it.
    a bare body               top-level `await` and `return`, or a last expression
    a closing call            `main()`, `await main()`, `asyncio.run(main())`, also printed,
                              assigned or under `if __name__ == "__main__":`

A module of definitions is compiled as it is and its function called. Everything else becomes the
body of one asynchronous function with a `return` where the value is, compiled from the tree, so
that lines stay those of the code.
"""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import AsyncGeneratorType, CodeType, GeneratorType
from typing import Any

from guest import closing, policy, shape
from guest.rejection import Rejected, chars_before, line_of, locate
from guest.source import FILENAME, describe_syntax, parse, too_deep

__all__ = ["Program", "Rejected", "load", "settle"]

BODY = FILENAME
"""The name of the function that holds the code; tracebacks leave it out."""


@dataclass(frozen=True)
class Program:
    """Code that is ready to run.

    Args:
        entry: runs the code in its scope and returns the value.
        names: what the code may read from its scope; attributes of the same name count too.
        scope: the globals of the code, read when `entry` runs.
        source: the text that line numbers refer to.
    """

    entry: Callable[[], Coroutine[Any, Any, object]]
    scope: dict[str, object]
    names: frozenset[str]
    source: str


def load(text: str, scope: dict[str, object]) -> Program:
    """Check and compile code; nothing of it runs before `entry` is called.

    Args:
        text: as it arrived, fenced or not.
        scope: the globals of the code; `entry` reads and changes this very dict.

    Raises:
        Rejected: the code is not Python, breaks the policy, or holds nothing to call.
    """
    tree, source = parse(text)
    namespaces = tuple(name for name, value in scope.items() if hasattr(type(value), "request"))
    reading = policy.check(tree, source, namespaces)
    function = None if reading.loop_starts else shape.find_program(tree.body, scope)
    if function is not None:
        positional, keyword = shape.required(function)
        # The most frequent shape; compiled as it is, it costs a tenth less than as a body.
        name, code = function.name, _compile(tree, source)
    else:
        positional, keyword = [], []
        try:
            name, code = BODY, _compile_body(tree, reading, scope, source)
        except RecursionError:
            raise too_deep() from None

    async def entry() -> object:
        scope.setdefault("__name__", "__main__")
        exec(code, scope)  # noqa: S102 - this is what the sandbox is for
        run: Any = scope[name]
        arguments = [scope[parameter] for parameter in positional]
        return await settle(
            run(*arguments, **{parameter: scope[parameter] for parameter in keyword})
        )

    names = _global_names(code).union(positional, keyword)
    return Program(entry, scope, names, source)


async def settle(value: object) -> object:
    """Await what can be awaited and collect what a generator yields, until the value is plain."""
    while True:
        if isinstance(value, AsyncGeneratorType):
            return [item async for item in value]
        if isinstance(value, GeneratorType):
            return list(value)
        if not isinstance(value, Awaitable):
            return value
        value = await value


def _compile_body(
    tree: ast.Module, reading: policy.Policy, scope: dict[str, object], source: str
) -> CodeType:
    """Compile the statements as the body of the function `BODY`."""
    futures, body = shape.split(tree)
    entries: set[str] = set()
    if reading.loop_starts:
        entries, nested = closing.unwrap_loops(body, reading.loop_starts)
        _refuse_nested_loops(nested, source)
    shape.add_return(body, scope, entries)
    code = _compile(_wrap(futures, body, reading.global_names), source)
    if shadowed := shape.find_shadowed(body, _body_names(code) & scope.keys()):
        code = _compile(_wrap(futures, body, reading.global_names | shadowed), source)
    return code


def _wrap(futures: list[ast.stmt], body: list[ast.stmt], global_names: set[str]) -> ast.Module:
    if global_names:
        # `global` in a helper means the top level, which is the body of a function here.
        body = [ast.Global(sorted(global_names)), *shape.without_annotations(body, global_names)]
    none = ast.arguments(
        posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[]
    )
    function = ast.AsyncFunctionDef(BODY, none, body, [], returns=None)
    for node in (function, body[0]):
        if not hasattr(node, "lineno"):
            node.lineno, node.col_offset, node.end_lineno, node.end_col_offset = 1, 0, 1, 0
    return ast.Module(body=[*futures, function], type_ignores=[])


def _compile(module: ast.Module, source: str) -> CodeType:
    try:
        return compile(module, FILENAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Rejected(describe_syntax(error, source), "syntax") from None
    except (RecursionError, MemoryError):
        raise too_deep() from None


def _refuse_nested_loops(left: list[ast.Attribute], source: str) -> None:
    for node in left:
        column = chars_before(line_of(source, node.lineno), node.col_offset)
        message = (
            f"`{ast.unparse(node)}` cannot start a second event loop: "
            "make the function around it `async def` and write `await` instead"
        )
        raise Rejected(locate(source, node.lineno, column, message), "shape")


def _codes(code: CodeType) -> Iterator[CodeType]:
    waiting = [code]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [const for const in code.co_consts if isinstance(const, CodeType)]


def _global_names(code: CodeType) -> frozenset[str]:
    return frozenset().union(*(inner.co_names for inner in _codes(code)))


def _body_names(code: CodeType) -> set[str]:
    body = next(inner for inner in _codes(code) if inner.co_name == BODY)
    return {*body.co_varnames, *body.co_cellvars}
