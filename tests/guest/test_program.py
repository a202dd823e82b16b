"""The shapes that code may have, what each gives, and what is said of the others."""

import asyncio

import pytest

from guest import program
from guest.rejection import Rejected


class Namespace:
    """A host namespace that answers with what it was asked."""

    async def request(self, method: str, path: str) -> dict[str, object]:
        return {"asked": f"{method} {path}"}


def scope() -> dict[str, object]:
    return {"spec": {"paths": {"/a": 1}}, "cloudflare": Namespace(), "account_id": "acc"}


def run(source: str) -> object:
    return asyncio.run(program.load(source, scope()).entry())


def refuse(source: str, kind: str = "shape") -> str:
    with pytest.raises(Rejected) as caught:
        program.load(source, scope())
    assert caught.value.kind == kind
    return caught.value.message


FUNCTION = "async def main():\n    return 1\n"


@pytest.mark.parametrize(
    "source",
    [
        FUNCTION,
        "async def anything():\n    return 1",
        "def main():\n    return 1",
        "import json\nONE = 1\nclass Two: pass\nasync def run():\n    return ONE",
        "async def main(spec, *, account_id, limit=1):\n    return limit",
        "def main(cloudflare, /, n=1, *rest, **more):\n    return n",
        "main = lambda: 1",
        "lambda: 1",
        "return 1",
        "1",
        "one = 1\none",
        "one = len(spec)",
        "import asyncio\nawait asyncio.sleep(0)\nreturn 1",
        "import asyncio\nawait asyncio.sleep(0, 1)",
        "if spec:\n    return 1\nreturn 2",
        "for _ in spec:\n    return 1",
        FUNCTION + "main()",
        FUNCTION + "await main()",
        FUNCTION + "return await main()",
        FUNCTION + "result = await main()",
        FUNCTION + "result: int = await main()",
        FUNCTION + "result = await main()\nresult",
        "import asyncio\n" + FUNCTION + "asyncio.run(main())",
        "import asyncio\n" + FUNCTION + "asyncio.run(main(), debug=True)",
        "import asyncio\n" + FUNCTION + "print(asyncio.run(main()))",
        "import asyncio, json\n" + FUNCTION + "print(json.dumps(asyncio.run(main()), indent=2))",
        "import asyncio\n" + FUNCTION + "x = asyncio.run(main())\nprint('x:', x)",
        "import asyncio\nasync def go():\n    return 1\nx = asyncio.run(go())\nprint(x)",
        "import asyncio\n" + FUNCTION + "if __name__ == '__main__':\n    asyncio.run(main())",
        "import asyncio\n" + FUNCTION + "loop = asyncio.get_event_loop()\n"
        "loop.run_until_complete(main())",
        "async def one():\n    return 1\n" + FUNCTION.replace("1", "await one()") + "main()",
        FUNCTION + "print('ready')",
        FUNCTION + "import logging\nlogging.getLogger('x').setLevel(10)",
        "def wrap(f):\n    return f\n" + FUNCTION + "main = wrap(main)",
        "from __future__ import annotations\nx: Later = 1\nreturn x",
        "from __future__ import annotations\nasync def main(x: Later = 1):\n    return x",
        '"""About it."""\n' + FUNCTION,
        "\ufeff" + FUNCTION,
        FUNCTION.replace("\n", "\r\n"),
        "\n\n    async def main():\n        return 1",
        "\t# a note\n\tone = 1\n\treturn one",
        f"```python\n{FUNCTION}```",
        f"```\n{FUNCTION}\n```\n",
        "  ```py\n  one = 1\n  return one\n  ```",
        f"~~~python\n{FUNCTION}",
        f"Here it is:\n\n```python\n{FUNCTION}```\nIt returns 1.",
        "text = '''\n```\n'''\nlen(text) - 4",
    ],
)
def test_an_accepted_shape_gives_its_value(source: str) -> None:
    assert run(source) == 1


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("def a(): return 'a'\ndef b(): return 'b'", "b"),
        ("def main(): return 'main'\ndef b(): return 'b'", "main"),
        ("async def a(): return 'a'\ndef b(): return 'b'", "a"),
        ("async def a(): return await b()\nasync def b(): return 'a'", "a"),
        ("async def a(): return 'a'\nasync def b(): return await a()", "a"),
        ("def a(n=1): return 'a' if n else a(n - 1)\ndef b(x): return x", "a"),
        ("def b(): return 'b'\nTABLE = {'b': b}\ndef a(): return 'a'", "a"),
        ("class A:\n    def m(self): return b()\ndef a(): return 'a'\ndef b(): return 'b'", "a"),
        ("def a(): return 'a'\nx = [a() for _ in range(2)]\nx[0]", "a"),
        ("data = await cloudflare.request('GET', '/')\nasync def b(): return 'b'", "b"),
    ],
)
def test_of_several_functions_one_is_the_program(source: str, name: str) -> None:
    assert run(source) == name


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("async def main():\n    for i in range(3):\n        yield i", [0, 1, 2]),
        ("def main():\n    yield from 'ab'", ["a", "b"]),
        ("return (i for i in range(2))", [0, 1]),
        ("for i in range(2):\n    yield i", [0, 1]),
        ("return cloudflare.request('GET', '/a')", {"asked": "GET /a"}),
        ("def main():\n    return cloudflare.request('GET', '/a')", {"asked": "GET /a"}),
        ("async def main():\n    pass", None),
        ("print('only')", None),
    ],
)
def test_what_is_awaitable_is_awaited_and_generators_are_collected(
    source: str, value: object
) -> None:
    assert run(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "spec = spec['paths']\nreturn list(spec)",
        "spec: dict = spec['paths']\nlist(spec)",
        "paths = []\ndef add():\n    global paths\n    paths = list(spec['paths'])\nadd()\npaths",
        "paths: list = []\ndef add():\n    global paths\n    paths += spec['paths']\nadd()\npaths",
        "paths = []\ndef main():\n    global paths\n    paths += spec['paths']\n    return paths",
        "def f():\n    n = []\n    def g():\n        nonlocal n\n        n = [*spec['paths']]\n"
        "    g()\n    return n\nf()",
    ],
)
def test_names_mean_what_they_mean_in_a_module(source: str) -> None:
    assert run(source) == ["/a"]


def test_printed_results_are_printed_and_returned(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import asyncio\n" + FUNCTION + "print(asyncio.run(main()))") == 1
    assert capsys.readouterr().out == "1\n"


def test_nothing_runs_before_the_entry(capsys: pytest.CaptureFixture[str]) -> None:
    loaded = program.load("print('module')\nasync def main(): print('main')", scope())
    assert capsys.readouterr().out == ""
    asyncio.run(loaded.entry())
    assert capsys.readouterr().out == "module\nmain\n"


def test_names_tell_what_the_code_may_read_from_its_scope() -> None:
    loaded = program.load("async def main(account_id):\n    return spec", scope())
    assert {"account_id", "spec"} <= loaded.names
    assert "cloudflare" not in loaded.names


def test_a_name_that_the_code_gives_itself_is_not_read_from_its_scope() -> None:
    loaded = program.load("account_id = 'mine'\nreturn account_id", scope())
    assert "account_id" not in loaded.names
    assert asyncio.run(loaded.entry()) == "mine"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "no code"),
        ("# nothing\n\n", "no code"),
        ("```python\n```", "no code"),
        ("import json", "end with `return value`"),
        ("x = 1", "end with `return x`"),
        ("x.y: int = 1", "end with `return x.y`"),
        ("class A:\n    pass", "only a class"),
        ("for p in spec:\n    p", "end with `return value`"),
        ("async def main(zone):\n    return zone", "parameters of `main`: `zone`"),
        ("def f(a, *, b, c=1): return a", "`a`, `b`"),
        ("def f(a): return a", "in scope: `spec`, `cloudflare`, `account_id`"),
        ("async def main(q): return q\nasync def other(): return 1", "`main`: `q`"),
        ("```js\nasync () => 1\n```", "write Python"),
        ("```python\n1\n```\nand\n```python\n2\n```", "several fenced blocks"),
        (
            "import asyncio\ndef main():\n    return asyncio.run(f())",
            "line 3, column 12: `asyncio.run` cannot start a second event loop",
        ),
    ],
)
def test_other_shapes_are_refused_with_what_to_write(source: str, words: str) -> None:
    assert words in refuse(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("async def main()\n    return 1", "line 1, column 17: SyntaxError: expected ':'"),
        ("x = 1\nx = [1\nreturn x", "line 2, column 5: SyntaxError: '[' was never closed"),
        ("def f():\n   return 1\n  x", "IndentationError"),
        ("def f():\n    await g()\nf()", "Make the function around it `async def`"),
        ("const x = 1;", "write Python"),
        ("async () => { return 1 }", "write Python"),
        ("async def main():\\n    return 1", "a backslash and an n"),
        ("x = 'abc\nx", "Check the quotes"),
        ("x = '\x00'", "null"),
        ("x = '\ud800'", "valid Unicode"),
        ("return " + "(" * 500, "too many nested parentheses"),
        ("return " + "-" * 60_000 + "1", "too deeply"),
        ("x" + ".y" * 50_000, "too deeply"),
        ("class A:\n    return 1\nA", "'return' outside function"),
        ("Prose:\n```python\nreturn [1\n```", "line 3, column 8"),
    ],
)
def test_syntax_errors_come_with_place_and_hint(source: str, words: str) -> None:
    assert words in refuse(source, "syntax")


def test_a_syntax_error_shows_the_line_with_a_caret() -> None:
    assert refuse("x = 1\nx = = 2", "syntax") == (
        "line 2, column 5: SyntaxError: invalid syntax\n  x = = 2\n      ^"
    )


def test_python_that_holds_javascript_is_not_taken_for_it() -> None:
    message = refuse("def f():\n    js = 'x => 1'\n    return [js", "syntax")
    assert "JavaScript" not in message


def test_the_policy_is_asked() -> None:
    assert "line 2, column 12" in refuse("async def main():\n    return eval('1')", "policy")


# In the sandbox there is a filter, see `guest.entry`.
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_a_useless_escape_in_a_string_is_no_reason_to_stop() -> None:
    assert run(r"return '\d'") == "\\d"
