"""Ten thousand calls of two callers in the same workers: each starts from the same bytes.

The workers compare the whole memory and all globals of an instance with the snapshot after each
call, and die where a byte differs. So the first call that leaves a trace fails.
"""

from __future__ import annotations

import asyncio
import random
import textwrap
from dataclasses import replace

import pytest
from attacks import SMALL, reach
from small_document import SMALL as DOCUMENT

from pymode.codemode import CodeMode
from pymode.errors import CodeError, SandboxError, WorkerDied
from pymode.sandbox.worker_process import COMPARE_VARIABLE

pytestmark = pytest.mark.anyio

CALLS = 10_000
# Some of them run to a limit, so the limits are such that this takes milliseconds.
LIMITS = replace(SMALL, fuel=60_000_000, wall_seconds=2.0)

# Each plants `mark`, a secret of its caller, somewhere, and returns what it found of the other's.
LOOK = """
found = []
for name, module in list(sys.modules.items()):
    found += [key for key in list(vars(module)) if isinstance(key, str) and key.startswith("mark_")]
found += [key for key in builtins if key.startswith("mark_")]
found += [key for key in spec if key.startswith("mark_")]
found += [key for key in os.environ if key.startswith("mark_")]
"""
PLANTED = {
    "nothing": "",
    "a builtin": "builtins[mark] = mark",
    "a global of the driver": "setattr(driver, mark, mark)",
    "a global of every module": """
        for module in list(sys.modules.values()):
            setattr(module, mark, mark)
    """,
    "the document": "spec[mark] = mark; spec['paths'].clear()",
    "every object of the document": """
        waiting = [spec]
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                waiting += [each for each in node.values() if each is not node]
                if len(node) < 500: node[mark] = 1
            elif isinstance(node, list):
                waiting += node
    """,
    "the environment": "os.environ[mark] = mark",
    "a patched encoder": "load('json').dumps = lambda *_, **__: mark",
    "a patched loop": "load('asyncio').events.new_event_loop = None",
    "the policy": "sys.modules['guest.policy'].check = None",
    "the limits": "sys.modules['guest.limits'].find = None",
    "the random numbers": "load('random').seed(1); load('random').random()",
    "the recursion limit": "sys.setrecursionlimit(50_000)",
    "the garbage collector": "gc = load('gc'); gc.unfreeze(); gc.enable(); gc.collect()",
    "a finalizer": """
        class Late:
            def __del__(self): builtins[mark] = mark
        load('gc').enable()
        loop = [Late()]; loop.append(loop)
    """,
    "an exit handler": "load('atexit').register(print, mark)",
    "a trace function": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "a task that goes on": """
        async def go_on():
            while True: await asyncio.sleep(0.001)
        kept = asyncio.ensure_future(go_on()); await asyncio.sleep(0)
    """,
    "interned strings": "kept = [sys.intern(mark + str(n)) for n in range(500)]",
    "many small objects": "kept = [[mark, n] for n in range(20_000)]",
    "freed holes": "kept = [bytes(n) for n in range(2000)]; del kept[::2]",
    "six mebibytes": "kept = bytearray(6 << 20); kept[::4096] = b'x' * len(kept[::4096])",
    "more pages than are copied back": """
        kept = bytearray(12 << 20); kept[::4096] = b'x' * len(kept[::4096])
    """,
    "memory that grows": "kept = bytearray(24 << 20); kept[::4096] = b'x' * len(kept[::4096])",
    "all memory": "found_ = []\nwhile True: found_.append([0] * 1000)",
    "all instructions": "while True: pass",
    "deep recursion": "def descend(): return descend()\ndescend()",
    "a deep repr": "node = []\nfor _ in range(100_000): node = [node]\nrepr(node)",
    "an exception": "raise ValueError(mark)",
    "no way back": "driver.encode = None",
    "an exit": "load('os')._exit(3)",
    "a long text": "print(mark * 1000)",
    "a host call": "host.start('items', '{}'); host.wait(0.0)",
    "a loader's right": "host.keep_forever(bytes(4))",
    "the type cache": """
        for kind in (dict, list, str, int):
            kind.__subclasses__()
        class Own(dict):
            pass
        for n in range(200): setattr(Own, mark + str(n), n)
    """,
    "regular expressions": "import re\nfor n in range(100): re.compile(mark + str(n))",
    "a decimal context": "import decimal\ndecimal.getcontext().prec = 3",
    "a locale and a codec": "import codecs\ncodecs.register(lambda name: None)",
    "warnings": "import warnings\nwarnings.simplefilter('error')",
    "a context variable": """
        import contextvars
        contextvars.ContextVar(mark).set(mark)
    """,
    "a weak reference": "import weakref\nkept = weakref.ref(type(mark, (), {}), print)",
}


def write(body: str) -> str:
    """Return the code that looks for marks, and then leaves its own."""
    parts = ("mark = 'mark_CALLER'", LOOK, textwrap.dedent(body), "return found")
    return reach("\n".join(parts))


CODES = {name: write(body) for name, body in PLANTED.items()}


async def test_ten_thousand_mixed_calls_leave_no_trace(
    user_folders: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPARE_VARIABLE, "1")
    ended = dict.fromkeys(("returned", "failed"), 0)
    async with CodeMode(DOCUMENT, limits=LIMITS, workers=2) as code_mode:
        await code_mode.prepare()

        async def call(caller: str, calls: int) -> None:
            choice = random.Random(caller)
            for _ in range(calls):
                name = choice.choice(list(CODES))
                try:
                    result = await code_mode.search(CODES[name].replace("CALLER", caller))
                except WorkerDied as error:
                    raise AssertionError(f"the call that plants {name} left a trace") from error
                except (CodeError, SandboxError):
                    ended["failed"] += 1
                else:
                    ended["returned"] += 1
                    assert result.value in ([], None), name

        async with asyncio.TaskGroup() as group:
            group.create_task(call("red", CALLS // 2))
            group.create_task(call("blue", CALLS // 2))
    # The mixture has enough of both.
    assert min(ended.values()) > CALLS // 10, ended
