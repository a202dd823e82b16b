"""What the policy lets through, what it refuses, and what it says then."""

import ast
import importlib
import sys

import pytest
from RestrictedPython.transformer import RestrictingNodeTransformer

from guest import policy
from guest.modules import ALLOWED_MODULES
from guest.rejection import Rejected


def refuse(source: str, *namespaces: str) -> str:
    """Return the message with which the policy refuses the source."""
    with pytest.raises(Rejected) as caught:
        policy.check(ast.parse(source), source, namespaces)
    assert caught.value.kind == "policy"
    return caught.value.message


def accept(source: str) -> policy.Policy:
    return policy.check(ast.parse(source), source)


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    async with a as b:\n        async for c in b:\n            await c",
        "[x async for x in y if await z]",
        "d['k'] += 1; o.n -= 2; o._private = 3; self.__mangled = 4",
        "x: int = 1",
        "match x:\n    case {'a': [1, *y], **rest} | Point(x=y) as z if y:\n        pass\n"
        "    case _:\n        pass",
        "if (n := len(x)) > 1:\n    pass",
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        global m\n        n += 1",
        "try:\n    pass\nexcept* ValueError as group:\n    raise\nfinally:\n    pass",
        "f'{a!r:>{width}} {b.c[\"d\"]}'",
        "_, *_rest = x; __ = 1; _helper(_rest)",
        "type(e).__name__, e.__class__.__name__, f.__doc__, E.__members__, e.__cause__",
        "getattr(x, 'y'), setattr(x, 'y', 1), hasattr(x, 'y'), vars(x), dir(x), callable(x)",
        "class A(B, metaclass=M):\n    __slots__ = ('a',)\n    def __init__(self):\n"
        "        super().__init__()\n        object.__setattr__(self, 'a', 1)\n"
        "    async def __aenter__(self): ...\n    __repr__ = __str__",
        "@dataclass(frozen=True)\nclass A:\n    a: list[str] = field(default_factory=list)\n"
        "    def __post_init__(self): ...",
        "f(*args, **kwargs); {**a, 'b': 1}; lambda x, *y, z=1, **w: x; def_ = {k: v for k, v in x}",
        "def f(a, /, b, *c, d=1, e, **g) -> None: yield; yield from a",
        "if __name__ == '__main__':\n    main()",
        "__all__ = ['main']; __version__ = '1'",
        "input = {'query': 1}\nf(input)",
        "def f(open, help): return open or help",
        "re.compile('x'); df.eval('y'); box.open(); subprocess_like.run()",
        "print('x', end=''); printed = 1",
        "from __future__ import annotations\nimport json as j, urllib.parse, collections.abc\n"
        "from urllib import parse\nfrom datetime import datetime as dt\n"
        "from xml.etree import ElementTree",
        "assert x, 'no'; del x[0], y.z, w; x[1:2, ...]; not -x ** ~y @ z if a is not b else c",
        "with a as (b, c), d: pass",
        "while x:\n    break\nelse:\n    continue_ = 1",
    ],
)
def test_python_as_it_is_written_passes(source: str) -> None:
    accept(source)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with CPython 3.12")
def test_type_parameters_and_aliases_pass() -> None:
    accept("type X[T] = list[T]\ndef f[T: int, *Ts, **P](x: T) -> T: ...\nclass A[K]: ...")


@pytest.mark.parametrize(
    ("source", "place", "words"),
    [
        ("x = type(()).__bases__", "line 1, column 14", "__bases__"),
        ("().__class__.__base__.__subclasses__()", "line 1, column 4", "__subclasses__"),
        ("x = (\n    y\n    .__subclasses__()\n)", "line 3, column 6", "__subclasses__"),
        ("a = 1\nb = f.__globals__['x']", "line 2, column 7", "__globals__"),
        ("x.__class__ = y", "line 1, column 3", "write type(x)"),
        ("x = y.__dict__", "line 1, column 7", "write vars(x)"),
        ("__builtins__['open']", "line 1, column 1", "__builtins__"),
        ("def __import__(): ...", "line 1, column 1", "__import__"),
        ("def f(__loader__): ...", "line 1, column 1", "__loader__"),
        ("lambda *__spec__: 1", "line 1, column 1", "__spec__"),
        ("async def f(__code__): ...", "line 1, column 1", "__code__"),
        ("class __builtins__: ...", "line 1, column 1", "__builtins__"),
        ("class A:\n    def __reduce__(self): ...", "line 2, column 5", "__reduce__"),
        ("try: ...\nexcept E as __spec__: ...", "line 2, column 1", "__spec__"),
        ("match x:\n    case A(__class__=y): ...", "line 2, column 10", "__class__"),
        ("match x:\n    case {**__dict__}: ...", "line 2, column 10", "__dict__"),
        ("match x:\n    case [*__dict__]: ...", "line 2, column 11", "__dict__"),
        ("def f():\n    global __builtins__", "line 2, column 5", "__builtins__"),
        ("import json as __spec__", "line 1, column 1", "__spec__"),
        ("from json import __loader__", "line 1, column 1", "__loader__"),
        ("g.gi_frame.f_globals", "line 1, column 3", "gi_frame"),
        ("e.tb_frame", "line 1, column 3", "tb_frame"),
        ("exec('1')", "line 1, column 1", "`exec` is not available"),
        ("x = eval('1')", "line 1, column 5", "json.loads"),
        ("f = compile", "line 1, column 5", "re.compile"),
        ("with open('x') as f: ...", "line 1, column 6", "no file system"),
        ("__import__('os')", "line 1, column 1", "plain import"),
        ("breakpoint()", "line 1, column 1", "print"),
        ("input()", "line 1, column 1", "nobody answers"),
        ("globals()['x']; locals()", "line 1, column 1", "`globals`"),
        ("exit(1)", "line 1, column 1", "`return`"),
        ("eval = 1\neval('1')", "line 2, column 1", "`eval`"),
        ("import os", "line 1, column 1", "no environment"),
        ("import os.path as p", "line 1, column 1", "`os.path` cannot be imported"),
        ("from os import environ", "line 1, column 1", "tokens are added"),
        ("import json, subprocess", "line 1, column 1", "`subprocess`"),
        ("import urllib.request", "line 1, column 1", "`urllib.request`"),
        ("from urllib import request", "line 1, column 1", "`urllib.request`"),
        ("import threading", "line 1, column 1", "asyncio.gather"),
        ("import nothing_known", "line 1, column 1", "`nothing_known` cannot be imported"),
        ("from json import *", "line 1, column 1", "name what you need"),
        ("from . import x", "line 1, column 1", "absolute names"),
        ("from .a import x", "line 1, column 1", "absolute names"),
        ("import time\ntime.sleep(1)", "line 2, column 6", "await asyncio.sleep"),
        ("from time import sleep", "line 1, column 1", "await asyncio.sleep"),
        ("é = 1; x.__mro__", "line 1, column 10", "__mro__"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(source: str, place: str, words: str) -> None:
    message = refuse(source)
    line = source.split("\n")[int(place.split()[1].rstrip(",")) - 1]
    assert message.startswith(f"{place}: ")
    assert words in message
    assert f"\n  {line}\n" in message


def test_the_caret_stands_under_the_place() -> None:
    first, line, caret = refuse("value = x.__globals__").split("\n")
    assert first == "line 1, column 11: `__globals__` cannot be used: it belongs to the interpreter"
    assert line[caret.index("^") :] == "__globals__"


def test_several_findings_come_in_order_and_the_rest_as_a_number() -> None:
    message = refuse("\n".join(f"x.__dict__  # {i}" for i in range(9)))
    assert [part for part in message.split("\n") if part.startswith("line")] == [
        f"line {i}, column 3: `__dict__` cannot be used: write vars(x)" for i in range(1, 6)
    ]
    assert message.endswith("and 4 more")


def test_a_refused_import_lists_what_can_be_imported() -> None:
    message = refuse("import pandas")
    assert message.endswith(f"Modules that can be imported: {', '.join(ALLOWED_MODULES)}")


def test_http_clients_are_answered_with_the_namespace_in_scope() -> None:
    assert "`await github.request(method, path)`" in refuse("import requests", "github")
    assert "`spec`" in refuse("from httpx import AsyncClient")


def test_importing_the_namespace_says_that_it_is_in_scope() -> None:
    assert "already in scope" in refuse("from cloudflare import Cloudflare", "cloudflare")


def test_a_long_name_does_not_make_a_long_message() -> None:
    assert len(refuse("x.__" + "a" * 60_000 + "__")) < 5_000


def test_depth_costs_no_stack() -> None:
    """A chain far beyond the recursion limit of visitors."""
    value: ast.expr = ast.Name("x", ast.Load(), lineno=1, col_offset=0)
    for _ in range(50_000):
        value = ast.Attribute(value, "y", ast.Load(), lineno=1, col_offset=0)
    policy.check(ast.Module([ast.Expr(value)], []), "x")


@pytest.mark.parametrize("module", ALLOWED_MODULES)
def test_every_allowed_module_exists(module: str) -> None:
    importlib.import_module(module)


def test_a_kind_of_node_that_nobody_judged_is_refused() -> None:
    """RestrictedPython's own rule for what new versions of the language bring."""

    class Teleport(ast.stmt):
        _fields = ()

    tree = ast.Module([Teleport(lineno=1, col_offset=0)], [])
    with pytest.raises(Rejected, match="Teleport statements are not allowed"):
        policy.check(tree, "teleport")


def test_every_kind_of_the_grammar_is_judged_by_restricted_python_or_opened_on_purpose() -> None:
    """What is opened beyond RestrictedPython is a short list, and all of it exists."""
    for kind in policy.OPENED:
        visitor = getattr(RestrictingNodeTransformer, f"visit_{kind}", None)
        source = visitor.__code__.co_names if visitor else ("not_allowed",)
        assert "not_allowed" in source, f"{kind} is allowed by RestrictedPython itself"


def test_fields_left_out_of_the_walk_hold_no_nodes() -> None:
    """The table of fields agrees with what the parser puts there."""
    source = """
import a.b as c
from d import e
class A(B, m=C):
    x: int = 1
    def f(self, a=1, *b: int, c=2, d, **e): global g; nonlocal_ = 1; return lambda x=1: x
async def f():
    async with a as b, c: pass
    async for x in y: pass
    try: pass
    except* E as e: pass
    match x:
        case {1: a, **rest} | A(b, c=d) | [1, *e] | None: pass
    return f"{a!r:{b}}" if (n := a < b < c) else [*x, {**y}, x[1:2:3], await z, -a, a and b]
def g():
    try: pass
    except E: yield
    with a: pass
    for x in y: pass
    while z: a.b += 1
    return {k: v for k, v in x if y}
"""
    tree = ast.parse(source)
    left_out = [
        (type(node).__name__, name)
        for node in ast.walk(tree)
        for name, value in ast.iter_fields(node)
        if name not in policy.TABLE[type(node)][1]
        and name not in ("ctx", "op", "ops")
        and any(isinstance(v, ast.AST) for v in (value if isinstance(value, list) else [value]))
    ]
    assert left_out == []


def test_starts_of_a_loop_and_global_names_are_kept() -> None:
    """The shapes of code need both; neither is wrong by itself."""
    reading = accept(
        "asyncio.run(f()); loop.run_until_complete(g()); x.run()\ndef f():\n    global n"
    )
    assert {node.attr for node in reading.loop_starts} == {"run", "run_until_complete"}
    assert len(reading.loop_starts) == 2
    assert reading.global_names == {"n"}
