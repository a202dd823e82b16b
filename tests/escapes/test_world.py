"""There is no world outside: no files, environment, network, processes, threads or signals."""

from __future__ import annotations

import re

import pytest
from attacks import fail, reach

from pymode.errors import CodeError

pytestmark = pytest.mark.anyio

NO_FILE = "FileNotFoundError"
NO_DOOR = "something that the sandbox does not have"

ATTACKS = {
    "list the root": ("return os.listdir('/')", NO_FILE),
    "list here": ("return os.listdir('.')", NO_FILE),
    "stat the root": ("return list(os.stat('/'))", NO_FILE),
    "read a file": ("return builtins['open']('/etc/passwd').read()", NO_FILE),
    "read itself": ("return builtins['open']('/proc/self/maps').read()", NO_FILE),
    "read upwards": ("return builtins['open']('../../../../etc/passwd').read()", NO_FILE),
    "read the staged spec": ("return builtins['open']('/0/specs.json').read()", NO_FILE),
    "write a file": ("builtins['open']('/tmp/escaped', 'w')", NO_FILE),
    "make a folder": ("os.mkdir('/tmp/escaped')", NO_FILE),
    "link a file": ("os.symlink('/etc/passwd', 'x')", NO_FILE),
    "read every descriptor": (
        """
        found = set()
        for number in range(3, 64):
            try:
                found.add(os.read(number, 1))
            except OSError as error:
                found.add(os.strerror(error.errno))
        return list(found)
        """,
        "^.'Bad file descriptor'.$",
    ),
    "read standard input": ("return os.read(0, 10)", NO_DOOR),
    "write standard output": ("return os.write(1, b'x')", NO_DOOR),
    "use the first stdout": ("getattr(sys, '__stdout' + '__').write('x')", NO_DOOR + "|crashed"),
    "make a socket": ("load('socket').socket()", NO_DOOR),
    "make a raw socket": ("load('_socket').socket(2, 3)", NO_DOOR + "|Error"),
    "look a name up": ("load('socket').gethostbyname('localhost')", NO_DOOR + "|Error"),
    "connect": ("await asyncio.open_connection('127.0.0.1', 80)", NO_DOOR),
    "serve": ("await asyncio.start_server(print, '127.0.0.1', 0)", NO_DOOR),
    "fetch a page": ("load('urllib.request').urlopen('http://127.0.0.1')", "Error"),
    "run a command": ("os.system('id')", "AttributeError"),
    "run a process": ("load('subprocess').run(['id'])", "OSError"),
    "run a process in asyncio": ("await asyncio.create_subprocess_exec('id')", "Error"),
    "fork": ("os.fork()", "AttributeError"),
    "exec": ("os.execv('/bin/sh', ['sh'])", "Error"),
    "start a thread": ("load('threading').Thread(target=print).start()", "RuntimeError"),
    "start a thread in asyncio": ("await asyncio.to_thread(print)", "Error"),
    "kill": ("os.kill(1, 9)", "AttributeError"),
    "set an alarm": ("load('signal').alarm(1)", "AttributeError"),
    "raise a signal": ("load('signal').raise_signal(9)", NO_DOOR + "|Error|crashed"),
    "handle a signal": ("asyncio.get_running_loop().add_signal_handler(2, print)", "Error"),
    "leave": ("os._exit(0)", NO_DOOR),
    "abort": ("os.abort()", "crashed"),
    "crash": ("load('faulthandler')._sigsegv()", "crashed|" + NO_DOOR),
    "sleep": ("load('time').sleep(1000)", "await asyncio.sleep"),
    "poll": ("load('select').poll().poll(1000)", NO_DOOR + "|Error"),
    "call C": ("load('ctypes')", "ModuleNotFoundError"),
    "map memory": ("load('mmap')", "ModuleNotFoundError"),
    "import from a folder": ("sys.path.append('/usr/lib'); load('sqlite3')", "ModuleNotFoundError"),
    "watch a descriptor": ("asyncio.get_running_loop().add_reader(0, print)", "Error"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_the_world_is_empty(cell, attack):
    """The error is a plain one, and the worker that ran the attack goes on."""
    body, expected = ATTACKS[attack]
    pids = cell.pool.pids
    try:
        result = await cell.search(reach(body))
        answer = str(result.value)
    except CodeError as error:
        answer = str(error)
    assert re.search(expected, answer)
    assert cell.pool.pids == pids


async def test_the_environment_and_the_arguments_are_empty(cell, monkeypatch):
    """What the parent's environment holds when a worker starts is no part of the guest's."""
    monkeypatch.setenv("PYMODE_CANARY", "canary")
    result = await cell.search(reach("return [dict(os.environ), sys.argv, os.getcwd()]"))
    assert result.value == [{}, [], "/"]


async def test_the_guest_does_not_know_where_it_runs(cell):
    """Neither the machine's name nor its system nor a real process id are told."""
    result = await cell.search(reach("return [list(os.uname())[:2], os.getpid()]"))
    name, pid = result.value
    assert name == ["wasi", "(none)"]
    assert pid not in cell.pool.pids


async def test_only_six_functions_lead_out(cell):
    """Besides types there is what a call needs, and two functions that only a loader has."""
    body = """
    found = vars(host).values()
    return sorted(f.__name__ for f in found if isinstance(f, types.FunctionType))
    """
    result = await cell.search(reach(body))
    out = {"begin", "start", "wait", "print", "progress", "keep_forever"}
    assert out <= set(result.value)
    assert set(result.value) <= out | {
        "abstractmethod",
        "dataclass",
        "overload",
        "runtime_checkable",
    }


@pytest.mark.parametrize("body", ["host.progress(1, 2)", "host.keep_forever(bytes(4))"])
async def test_what_only_a_loader_may_ask_ends_a_call(cell, body):
    """It would mark objects of the call, or report progress of nothing."""
    error = await fail(cell.search(reach(f"return {body}")))
    assert "does not have" in str(error)


async def test_a_search_has_no_api(cell):
    """A host call of a search is refused, whatever it names, and nothing is sent."""
    body = """
    for target in ("cloudflare", "cloudflare.account_id", "", "x\\ny", "host"):
        host.start(target, '{"method": "GET", "path": "/user"}')
    replies = []
    while len(replies) < 5:
        replies += [completion.reply for completion in host.wait(1.0)]
    return [json.loads(reply.partition("\\n")[0])["error"]["kind"] for reply in replies]
    """
    result = await cell.search(reach(body))
    assert result.value == ["refused"] * 5
    assert result.requests == ()


async def test_an_execution_reaches_its_own_api_only(cell):
    """Other targets are refused, and so is a payload that is no request."""
    body = """
    for target in ("github", "cloudflare.secret", "Cloudflare", "cloudflare "):
        host.start(target, '{"method": "GET", "path": "/user"}')
    for payload in ("", "null", "[]", "{}", "{" * 100_000, '{"method": "GET"}', "\\x00"):
        host.start("cloudflare", payload)
    replies = []
    while len(replies) < 11:
        replies += [completion.reply for completion in host.wait(1.0)]
    return [json.loads(reply.partition("\\n")[0])["error"]["kind"] for reply in replies]
    """
    result = await cell.execute(reach(body))
    assert result.value == ["refused"] * 11
    assert result.requests == ()


async def test_a_blocking_sleep_says_what_to_write(cell):
    """Also under a name that the policy does not know."""
    error = await fail(cell.search("import time as clock\nasync def main():\n    clock.sleep(5)"))
    assert "await asyncio.sleep" in str(error)
