"""Closing calls, `asyncio.run(main())` or `print(main())`: the value is what main returned."""

from __future__ import annotations

import ast

VALUE = "__value__"
"""Holds the result of a closing call; no code can use the name, the policy refuses it."""

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)


def unwrap_loops(
    body: list[ast.stmt], starts: list[ast.Attribute]
) -> tuple[set[str], list[ast.Attribute]]:
    """Replace `asyncio.run(f())` at the top level by `await f()`.

    Returns the names of such functions, and the starts of a loop found elsewhere.
    """
    unwrapping = _Unwrapping(starts)
    body[:] = [unwrapping.visit(statement) for statement in body]
    return unwrapping.entries, unwrapping.left


def keep_result(body: list[ast.stmt], functions: set[str], entries: set[str]) -> None:
    """Return the value of the last call of a program, for a body that ends with a `print(…)`.

    Args:
        body: the statements; changed in place where there is such a call.
        functions: those at the top level; each counts when it is called in the `print` itself.
        entries: those that also count when they are called above it.
    """
    for i in range(len(body) - 1, -1, -1):
        if not isinstance(body[i], (ast.Expr, ast.Assign, ast.AnnAssign)):
            continue
        keeping = _Keeping(functions if i == len(body) - 1 else functions & entries)
        keeping.visit(body[i])
        if keeping.done:
            result = ast.Return(ast.Name(VALUE, ast.Load()))
            body.append(ast.fix_missing_locations(ast.copy_location(result, body[i])))
            return


def _called_name(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


class _Unwrapping(ast.NodeTransformer):
    """Turns starts of an event loop into `await`, outside functions."""

    def __init__(self, starts: list[ast.Attribute]) -> None:
        self.left = list(starts)
        self.entries: set[str] = set()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if node.func in self.left and node.args:
            self.left = [start for start in self.left if start is not node.func]
            main = node.args[0]
            self.entries.add(_called_name(main))
            return ast.copy_location(ast.Await(main), node)
        return node

    def _leave(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _leave  # noqa: N815
    visit_ClassDef = visit_Lambda = visit_GeneratorExp = _leave  # noqa: N815


class _Keeping(ast.NodeTransformer):
    """Keeps the result of the first call of one of some functions in `VALUE`."""

    def __init__(self, functions: set[str]) -> None:
        self.functions = functions
        self.done = False

    def visit(self, node: ast.AST) -> ast.AST:
        if self.done or isinstance(node, (*SCOPES, *COMPREHENSIONS)):
            return node
        call = node.value if isinstance(node, ast.Await) else node
        if isinstance(node, ast.expr) and _called_name(call) in self.functions:
            self.done = True
            kept = ast.NamedExpr(ast.Name(VALUE, ast.Store()), node)
            return ast.fix_missing_locations(ast.copy_location(kept, node))
        self.generic_visit(node)
        return node
