"""Which statements of the code give its value; see `program` for the accepted shapes."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from guest import closing
from guest.rejection import Rejected
from guest.source import EXAMPLE

# The position of statements that the author did not write: tracebacks show nothing for line 0.
NOWHERE = ast.Pass(lineno=0, end_lineno=0, col_offset=0, end_col_offset=0)

Function = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINING = (
    *(*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
    *([ast.TypeAlias] if hasattr(ast, "TypeAlias") else []),
)


def split(tree: ast.Module) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Return the `__future__` imports, which cannot move into a function, and the rest.

    The body of `if __name__ == "__main__":` takes the place of that statement.

    Raises:
        Rejected: there are no statements.
    """
    futures: list[ast.stmt] = []
    body: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            futures.append(statement)
        elif isinstance(statement, ast.If) and _is_main_guard(statement):
            body += statement.body
        else:
            body.append(statement)
    if not body:
        raise Rejected(f"there is no code to run. {EXAMPLE}", "shape")
    return futures, body


def find_program(body: list[ast.stmt], scope: Collection[str]) -> Function | None:
    """Return the function to call, where the top level does nothing but define; else None.

    Raises:
        Rejected: it has parameters that nothing in scope fills.
    """
    if not all(isinstance(node, DEFINING) for node in body):
        return None
    functions, top = _sort(body)
    if not functions or any(isinstance(inner, ast.Await) for node in top for inner in _walk(node)):
        return None
    unused = _find_unused(functions, top)
    return _fillable(_choose(body, unused, scope), scope) if unused else None


def add_return(body: list[ast.stmt], scope: Collection[str], entries: set[str]) -> None:
    """Add the `return` that gives the value, unless there is one.

    Args:
        body: the statements; changed in place.
        scope: the names in scope, which parameters may have.
        entries: functions known to be the program: what they return is the value.

    Raises:
        Rejected: nothing gives a value; the message says what to write.
    """
    last = body[-1]
    if isinstance(last, ast.Return):
        return
    functions, top = _sort(body)
    unused = _find_unused(functions, top)
    if isinstance(last, ast.Expr) and not isinstance(last.value, (ast.Yield, ast.YieldFrom)):
        _return_expression(body, functions, unused, scope, {*entries, "main"})
    elif isinstance(last, (ast.Assign, ast.AnnAssign)) and not unused:
        _return_assignment(body, last, functions, scope)
    elif unused:
        body.append(_call(_choose(body, unused, scope), scope))
    elif not any(map(_has_output, top)):
        _reject_valueless(body)


def required(function: Function) -> tuple[list[str], list[str]]:
    """Return the names of parameters without defaults: positional ones, keyword-only ones."""
    parameters = function.args
    positional = [*parameters.posonlyargs, *parameters.args]
    keyword = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return (
        [arg.arg for arg in positional[: len(positional) - len(parameters.defaults)]],
        [arg.arg for arg, default in keyword if default is None],
    )


def find_shadowed(body: list[ast.stmt], names: set[str]) -> set[str]:
    """Return which names of the scope the top level reads before it assigns them.

    `spec = json.loads(spec)` is right in a module, but not in a function without `global`.
    """
    return {name for name in names if _reads_first(body, name)}


def without_annotations(body: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """Return the body without annotations on those names, which `global` does not allow."""
    return [_without_annotation(node) if _annotates(node, names) else node for node in body]


def _return_expression(
    body: list[ast.stmt],
    functions: dict[str, Function],
    unused: dict[str, Function],
    scope: Collection[str],
    entries: set[str],
) -> None:
    last = body[-1]
    assert isinstance(last, ast.Expr)  # noqa: S101 - the caller looked
    value = last.value
    prints = isinstance(value, ast.Call) and _name_of(value.func) == "print"
    runnable = {
        name: function
        for name, function in unused.items()
        if not _missing(function, scope) and (prints or isinstance(function, ast.AsyncFunctionDef))
    }
    if isinstance(value, ast.Call) and runnable and not (_loads(last) & functions.keys()):
        # `logging.basicConfig()` or a print below an `async def main` that nobody calls.
        body.append(_call(_choose(body, runnable, scope), scope))
    elif prints:
        closing.keep_result(body, {*functions}, entries)
    else:
        body[-1] = _return(_called(value), last)


def _return_assignment(
    body: list[ast.stmt],
    last: ast.Assign | ast.AnnAssign,
    functions: dict[str, Function],
    scope: Collection[str],
) -> None:
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    name = _name_of(target)
    if name in functions:  # main = decorate(main)
        body.append(_call(functions[name], scope))
    elif name and last.value is not None and (_loads(last) or isinstance(last.value, ast.Lambda)):
        value = ast.Name(name, ast.Load())
        is_lambda = isinstance(last.value, ast.Lambda)
        body.append(_return(ast.Call(value, [], []) if is_lambda else value, last))
    else:
        _reject_valueless(body)


def _choose(body: list[ast.stmt], unused: dict[str, Function], scope: Collection[str]) -> Function:
    if "main" in unused:
        return unused["main"]
    ready = [f for f in unused.values() if not _missing(f, scope)] or [*unused.values()]
    if len(ready) > 1:
        # A function that another one uses is a helper, wherever it is defined.
        helpers = {
            name
            for user in body
            if isinstance(user, (*FUNCTIONS, ast.ClassDef))
            for name in _loads(user, deep=True) - {user.name}
        }
        ready = [f for f in ready if f.name not in helpers] or ready
    return ([f for f in ready if isinstance(f, ast.AsyncFunctionDef)] or ready)[-1]


def _fillable(function: Function, scope: Collection[str]) -> Function:
    """Return the function, whose parameters must all be in scope."""
    if missing := _missing(function, scope):
        names = ", ".join(f"`{name}`" for name in missing)
        known = ", ".join(f"`{name}`" for name in scope if not name.startswith("_"))
        message = (
            f"nothing fills the parameters of `{function.name}`: {names}. Give them defaults, or "
            f"add `async def main():` that calls it. These are in scope: {known}."
        )
        raise Rejected(message, "shape")
    return function


def _call(function: Function, scope: Collection[str]) -> ast.stmt:
    """Return `return function(…)` with what is in scope for its parameters."""
    positional, keyword = required(_fillable(function, scope))
    return _return(
        ast.Call(
            ast.Name(function.name, ast.Load()),
            [ast.Name(name, ast.Load()) for name in positional],
            [ast.keyword(name, ast.Name(name, ast.Load())) for name in keyword],
        )
    )


def _missing(function: Function, scope: Collection[str]) -> list[str]:
    positional, keyword = required(function)
    return [name for name in positional + keyword if name not in scope]


def _sort(body: list[ast.stmt]) -> tuple[dict[str, Function], list[ast.stmt]]:
    """Return the functions of the top level by name, and what is neither function nor class."""
    functions = {node.name: node for node in body if isinstance(node, FUNCTIONS)}
    return functions, [node for node in body if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]


def _find_unused(functions: dict[str, Function], top: list[ast.stmt]) -> dict[str, Function]:
    """Return the functions that the top level does not use."""
    if not functions:
        return {}
    used = {name for node in top for name in _loads(node)}
    return {name: function for name, function in functions.items() if name not in used}


def _return(value: ast.expr, place: ast.stmt = NOWHERE) -> ast.stmt:
    statement = ast.copy_location(ast.Return(value), place)
    # An expression of the code has its position already; fixing it again would walk all of it.
    return statement if hasattr(value, "lineno") else ast.fix_missing_locations(statement)


def _called(value: ast.expr) -> ast.expr:
    """A lambda is no value: call it."""
    if isinstance(value, ast.Lambda):
        return ast.copy_location(ast.Call(value, [], []), value)
    return value


def _reject_valueless(body: list[ast.stmt]) -> None:
    last = body[-1]
    if isinstance(last, (ast.Assign, ast.AnnAssign)):
        target = last.targets[0] if isinstance(last, ast.Assign) else last.target
        message = f"nothing is returned: end with `return {ast.unparse(target)}`"
    elif isinstance(last, ast.ClassDef):
        message = f"there is only a class to define: add a function that uses it. {EXAMPLE}"
    else:
        message = f"nothing is returned: end with `return value`. {EXAMPLE}"
    raise Rejected(message, "shape")


def _has_output(statement: ast.stmt) -> bool:
    """Say whether a top-level statement returns, yields, prints or raises."""
    return any(
        isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom, ast.Raise))
        or (isinstance(node, ast.Call) and _name_of(node.func) == "print")
        for node in _walk(statement)
    )


def _walk(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a statement, but not those of functions and classes in it."""
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, SCOPES):
            waiting += ast.iter_child_nodes(node)


def _loads(statement: ast.AST, *, deep: bool = False) -> set[str]:
    nodes = ast.walk(statement) if deep else _walk(statement)
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _reads_first(body: list[ast.stmt], name: str) -> bool:
    for statement in body:
        if name in _loads(statement):
            return True
        if any(isinstance(n, ast.Name) and n.id == name for n in _walk(statement)):
            return False
    return False


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_main_guard(statement: ast.If) -> bool:
    test = statement.test
    return (
        isinstance(test, ast.Compare)
        and not statement.orelse
        and "__name__" in _loads(test)
        and any(isinstance(n, ast.Constant) and n.value == "__main__" for n in ast.walk(test))
    )


def _annotates(node: ast.stmt, names: set[str]) -> bool:
    return isinstance(node, ast.AnnAssign) and _name_of(node.target) in names


def _without_annotation(node: ast.stmt) -> ast.stmt:
    assert isinstance(node, ast.AnnAssign)  # noqa: S101 - `_annotates` says so
    if node.value is None:
        return ast.copy_location(ast.Pass(), node)
    return ast.copy_location(ast.Assign([node.target], node.value), node)
