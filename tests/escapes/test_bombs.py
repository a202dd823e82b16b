"""Bombs of memory, time and depth go off inside, and each says which limit it hit."""

from __future__ import annotations

import pytest
from attacks import fail, reach

from pymode.errors import CodeRaised, LimitExceeded

pytestmark = pytest.mark.anyio

OUT_OF_MEMORY = {
    "lists": "found = []\nwhile True: found.append([0] * 1000)",
    "bytes that double": "found = b'a'\nwhile True: found += found",
    "text": "return len('x' * (3 * 10**8))",
    "a dict": "found = {}\nfor i in range(10**9): found[i] = i",
    "a format width": "return f'{1:1000000000}'",
    "a list of a range": "return list(range(10**9))",
    "an array": "import array\nreturn len(array.array('d', [0]) * 10**8)",
    "gzip": "import gzip\nreturn len(gzip.decompress(gzip.compress(bytes(2 * 10**8))))",
    "normal forms": "import unicodedata\nreturn unicodedata.normalize('NFKD', '\\ufdfa' * 10**7)",
    "a sample": "import random\nreturn random.sample(range(10**9), 10**8)",
    "permutations": "import itertools\nreturn list(itertools.permutations(range(20)))",
}

OUT_OF_FUEL = {
    "a loop": "while True: pass",
    "a loop that swallows": """
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
    "out of memory, swallowed": """
        found = []
        while True:
            try:
                found.append(bytes(10**6))
            except BaseException: pass
        """,
    "a regular expression": "import re\nreturn re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "a power": "return (10**10**8).bit_length()",
    "a factorial": "import math\nreturn math.factorial(10**7)",
    "decimals": """
        import decimal
        decimal.getcontext().prec = 10**8
        return str(decimal.Decimal(2) ** (10**8))
        """,
    "a sum": "return sum(range(10**12))",
    "a search in a range": """
        class Never:
            def __eq__(self, other): return False
        return Never() in range(10**15)
        """,
    "digits without a limit": "sys.set_int_max_str_digits(0)\nreturn str(10**10**6)",
    "recursion that is caught": """
        def descend():
            try:
                descend()
            except RecursionError:
                descend()
        descend()
        """,
    "callbacks that breed": """
        loop = asyncio.get_running_loop()
        def breed():
            loop.call_soon(breed)
            loop.call_soon(breed)
        breed()
        await asyncio.sleep(100)
        """,
    "an endless result": "import itertools\nreturn [itertools.repeat(0)]",
}

NEST = "found = []\nfor _ in range(100_000): found = [found]\n"

TOO_DEEP = {
    "text of JSON": "return json.loads('[' * 100_000)",
    "JSON of a list": NEST + "return json.dumps(found)",
    "the text of a list": NEST + "return repr(found)",
    "a comparison": "other = []\nfor _ in range(100_000): other = [other]\n"
    + NEST
    + "return found == other",
    "a result": NEST + "return found",
    "the end of a list": "found = []\nfor _ in range(10**6): found = [found]\ndel found",
    "functions": "def descend(): return descend()\ndescend()",
    "functions without a limit": """
        sys.setrecursionlimit(10**9)
        def descend(): return descend()
        descend()
        """,
    "functions by way of C": "f = lambda *_: list(map(f, [1]))\nf()",
    "attributes": """
        class Deep:
            def __getattr__(self, name): return getattr(self, name)
        return Deep().x
        """,
    "iterators": "it = iter([1])\nfor _ in range(10**5): it = map(str, it)\nreturn list(it)",
    "regular expressions": "import re\nre.compile('(' * 10_000 + ')' * 10_000)",
    "a syntax tree": """
        ast = load("ast")
        node = ast.Constant(1)
        for _ in range(100_000): node = ast.UnaryOp(ast.USub(), node)
        builtins["compile"](ast.fix_missing_locations(ast.Expression(node)), "", "eval")
        """,
    "types": "kind = int\nfor _ in range(10**5): kind = list[kind]\nreturn repr(kind)",
    "exception groups": """
        error = ValueError(1)
        for _ in range(10_000): error = ExceptionGroup("x", [error])
        raise error
        """,
}


@pytest.mark.parametrize("bomb", OUT_OF_MEMORY)
async def test_memory_is_bounded(cell, bomb):
    """The error names the limit and says to keep less."""
    error = await fail(cell.search(reach(OUT_OF_MEMORY[bomb])))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "memory_bytes"
    assert "64 MiB of memory; keep less" in str(error)


@pytest.mark.parametrize("bomb", OUT_OF_FUEL)
async def test_fuel_stops_what_computes_without_end(cell, bomb):
    """The error names the limit and says to do less."""
    error = await fail(cell.search(reach(OUT_OF_FUEL[bomb])))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "fuel"
    assert "do less" in str(error)


@pytest.mark.parametrize("bomb", TOO_DEEP)
async def test_depth_ends_in_an_error(cell, bomb):
    """However deep, the worker lives on, and the error is about depth."""
    pids = cell.pool.pids
    error = await fail(cell.search(reach(TOO_DEEP[bomb])))
    assert isinstance(error, CodeRaised)
    assert any(word in str(error) for word in ("deep", "depth", "ExceptionGroup"))
    assert cell.pool.pids == pids


async def test_a_long_chain_of_exceptions_is_cut(cell):
    """What the model reads stays short."""
    body = """
    error = None
    for number in range(100_000):
        nearer = ValueError("x" * 1000)
        nearer.__cause__ = error
        error = nearer
    raise error
    """
    error = await fail(cell.search(reach(body)))
    assert len(str(error)) < 20_000


async def test_a_bomb_of_entities_does_not_go_off(cell):
    """XML is expanded within limits of its own."""
    body = """
    from xml.etree import ElementTree
    names = [f'<!ENTITY a{i} "{("&a%d;" % (i - 1)) * 10}">' for i in range(1, 10)]
    text = f'<!DOCTYPE l [<!ENTITY a0 "{"x" * 1000}">{"".join(names)}]><l>&a9;</l>'
    return len(ElementTree.fromstring(text).text)
    """
    error = await fail(cell.search(reach(body)))
    assert isinstance(error, (CodeRaised, LimitExceeded))


async def test_the_worker_gives_the_memory_of_a_bomb_back(cell):
    """The next call has all of its own memory again."""
    await fail(cell.search(reach(OUT_OF_MEMORY["lists"])))
    result = await cell.search("async def main(): return len(bytes(40 * 2**20))")
    assert result.value == 40 * 2**20
