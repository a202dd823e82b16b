"""Workers as processes: what they hold, and what happens when they are killed or stopped."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from attacks import SMALL, fail

from pymode.codemode import CodeMode
from pymode.errors import Busy, LimitExceeded, SandboxError, WorkerDied

pytestmark = pytest.mark.anyio

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
PATIENCE_SECONDS = 20.0

WAIT = "import asyncio\nprint('waiting')\nawait asyncio.sleep(100)\nreturn 1"


@pytest.fixture
async def pair(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox with two workers that a test may kill."""
    async with CodeMode("cloudflare", limits=SMALL, workers=2) as prepared:
        await prepared.prepare()
        await until(lambda: len(prepared.pool.pids) == 2)
        yield prepared


async def until(holds) -> None:
    """Wait until something holds, for a bounded time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - processes tell nobody when they change
            await asyncio.sleep(0.01)


async def start_waiting(code_mode: CodeMode) -> tuple[asyncio.Task, psutil.Process]:
    """Start a call that waits, and return it with the process of the worker that runs it."""
    idle = {worker.pid for worker in code_mode.pool._idle}
    call = asyncio.create_task(code_mode.search(WAIT))
    await until(lambda: len(code_mode.pool._idle) < len(idle))
    (pid,) = idle - {worker.pid for worker in code_mode.pool._idle}
    return call, psutil.Process(pid)


@ON_LINUX
async def test_a_worker_holds_three_pipes_and_its_image(pair):
    """Standard error is the parent's own; nothing else is inherited."""
    secret = os.open(__file__, os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        async with CodeMode("cloudflare", limits=SMALL, workers=1) as code_mode:
            await code_mode.prepare()
            (pid,) = code_mode.pool.pids
            image = code_mode.image
            links = list(Path(f"/proc/{pid}/fd").iterdir())  # noqa: ASYNC240 - no disk
            held = {link.name: str(link.readlink()) for link in links}
    finally:
        os.close(secret)
    assert held.pop("0").startswith("pipe:")
    assert held.pop("1").startswith("pipe:")
    held.pop("2")
    # It restores pages by the kernel's list of those that it has written itself.
    allowed = {str(image.snapshot), f"/proc/{pid}/pagemap"}
    allowed |= {str(module) for module in image.runtime.iterdir()}
    assert set(held.values()) <= allowed


@ON_LINUX
async def test_a_worker_has_no_environment_and_no_privileges_to_gain(pair, monkeypatch):
    """Whatever the parent's environment holds by then."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "canary")
    async with CodeMode("cloudflare", token="canary-token-1234", workers=1) as code_mode:
        await code_mode.prepare()
        (worker,) = code_mode.pool._all
        process = Path(f"/proc/{worker.pid}")
        assert worker.hardening == "confined"
        assert (process / "environ").read_bytes() == b""
        assert b"canary" not in (process / "cmdline").read_bytes()
        assert (process / "cwd").readlink() == Path("/")
        status = dict(
            line.split(":\t", 1) for line in (process / "status").read_text().splitlines()
        )
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        limits = (process / "limits").read_text()
        assert any(
            line.split()[4:6] == ["0", "0"] for line in limits.splitlines() if "core" in line
        )


DOORS = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
from pymode.sandbox import hardening
hardening.lower_privileges()
memory = open("/proc/self/mem", "rb")
libc = ctypes.CDLL(None, use_errno=True)
number = json.loads(sys.argv[1])
assert hardening.confine() == "confined"
def call(name, *arguments):
    if libc.syscall(number[name], *arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
parent = os.getppid()
attempts = {
    "open": lambda: open("/etc/passwd"),
    "create": lambda: open("/tmp/pymode-escaped", "w"),
    "list": lambda: os.listdir("/"),
    "remove": lambda: os.unlink("/tmp/pymode-escaped"),
    "make a folder": lambda: os.mkdir("/tmp/pymode-escaped"),
    "change a mode": lambda: os.chmod("/tmp", 0o777),
    "change an owner": lambda: os.chown("/tmp", 0, 0),
    "connect": lambda: socket.socket(),
    "pair": lambda: socket.socketpair(),
    "fork": lambda: os.fork(),
    "spawn": lambda: subprocess.Popen(["/bin/true"]),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "kill": lambda: os.kill(parent, 0),
    "kill a thread": lambda: call("tgkill", parent, parent, 0),
    "queue a signal": lambda: call("rt_sigqueueinfo", parent, 0, 0),
    "limit the parent": lambda: call("prlimit64", parent, 0, 0, 0),
    "trace": lambda: call("ptrace", 16, parent, 0, 0),
    "read the parent": lambda: call("process_vm_readv", parent, 0, 0, 0, 0, 0),
    "memory file": lambda: os.memfd_create("x"),
    "shared memory": lambda: call("shmget", 0, 4096, 0o1600),
    "move": lambda: os.chdir("/tmp"),
    "root": lambda: os.chroot("/tmp"),
    "unmount": lambda: call("umount2", b"/proc", 0),
    "namespaces": lambda: call("unshare", 0x10000000),
    "rings": lambda: call("io_uring_setup", 1, 0),
    "programs in the kernel": lambda: call("bpf", 0, 0, 0),
    "open by the old number": lambda: libc.syscall(number.get("open", number["openat"]), b"/", 0)
    and (_ for _ in ()).throw(PermissionError(1, "open")),
}
came_through = []
for name, attempt in attempts.items():
    try:
        attempt()
        came_through.append(name)
    except PermissionError:
        pass
    except OSError as error:
        came_through.append(f"{name}: {error}")
try:
    threading.Thread(target=print).start()
    came_through.append("thread")
except RuntimeError:
    pass
print(came_through)
"""


# From the kernel's headers, for calls that Python has no function for.
NUMBERS = {
    "x86_64": {
        "tgkill": 234, "rt_sigqueueinfo": 129, "prlimit64": 302, "ptrace": 101,
        "process_vm_readv": 310, "shmget": 29, "umount2": 166, "unshare": 272,
        "io_uring_setup": 425, "bpf": 321, "openat": 257, "open": 2,
    },
    "aarch64": {
        "tgkill": 131, "rt_sigqueueinfo": 138, "prlimit64": 261, "ptrace": 117,
        "process_vm_readv": 270, "shmget": 194, "umount2": 39, "unshare": 97,
        "io_uring_setup": 425, "bpf": 280, "openat": 56,
    },
}  # fmt: skip


@ON_LINUX
def test_a_confined_process_stays_so_even_for_native_code():
    """What a hole in WebAssembly's wall would find: nothing can be opened, made or signalled."""
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", DOORS, json.dumps(NUMBERS[platform.machine()])],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=environment,
        check=False,
    )
    assert ended.stdout == "[]\n", ended.stderr


async def test_a_killed_worker_fails_its_own_call_only(pair):
    """The other call goes on, and another worker takes the place of the killed one."""
    first, killed = await start_waiting(pair)
    second = asyncio.create_task(pair.search("import asyncio\nawait asyncio.sleep(0.5)\nreturn 2"))
    killed.kill()
    with pytest.raises(WorkerDied, match="killed by signal 9"):
        await first
    assert (await second).value == 2
    await until(lambda: len(pair.pool.pids) == 2)
    assert killed.pid not in pair.pool.pids
    results = await asyncio.gather(*(pair.search("return 3") for _ in range(4)))
    assert [result.value for result in results] == [3] * 4


async def test_idle_workers_that_are_killed_are_replaced(pair):
    """The next call does not notice."""
    idle = list(pair.pool._idle)
    for worker in idle:
        psutil.Process(worker.pid).kill()
    await until(lambda: not any(worker.alive for worker in idle))
    assert (await pair.search("return 1")).value == 1
    assert not {worker.pid for worker in idle} & set(pair.pool.pids)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_worker_that_is_killed_while_it_restores_fails_no_call(user_folders, workers):
    """It dies after its answer, before the parent can notice; the next call comes at once."""
    many_pages = "kept = bytearray(6 << 20); kept[::4096] = b'x' * len(kept[::4096])\nreturn 1"
    async with CodeMode("cloudflare", limits=SMALL, workers=workers) as code_mode:
        await code_mode.prepare()
        for _ in range(10):
            assert (await code_mode.search(many_pages)).value == 1
            for pid in code_mode.pool.pids:
                os.kill(pid, signal.SIGKILL)
            assert (await code_mode.search("return 2")).value == 2


async def test_a_stopped_worker_overstays_and_is_replaced(user_folders):
    """The parent's own clock ends a worker that does not end its guest."""
    limits = replace(SMALL, wall_seconds=0.2)
    async with CodeMode("cloudflare", limits=limits, workers=1) as code_mode:
        await code_mode.prepare()
        call, stopped = await start_waiting(code_mode)
        stopped.suspend()
        error = await fail(call)
        assert isinstance(error, LimitExceeded)
        assert error.limit == "wall_seconds"
        await until(lambda: not stopped.is_running() or stopped.status() == "zombie")
        assert (await code_mode.search("return 1")).value == 1


async def test_cancelling_a_call_kills_its_guest(pair):
    """The process is gone, and with it whatever the guest did."""
    call, process = await start_waiting(pair)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not process.is_running()
    assert process.pid not in pair.pool.pids
    assert (await pair.search("return 1")).value == 1


async def test_cancelling_one_that_waits_loses_no_worker(user_folders):
    """It gives its turn to the next."""
    async with CodeMode("cloudflare", limits=SMALL, workers=1) as code_mode:
        await code_mode.prepare()
        busy, process = await start_waiting(code_mode)
        waiting = [asyncio.create_task(code_mode.search("return 1")) for _ in range(3)]
        await until(lambda: len(code_mode.pool._waiting) == 3)
        waiting[0].cancel()
        process.kill()
        results = await asyncio.gather(busy, *waiting, return_exceptions=True)
        assert isinstance(results[0], WorkerDied)
        assert isinstance(results[1], asyncio.CancelledError)
        assert [result.value for result in results[2:]] == [1, 1]


async def test_too_many_waiting_callers_are_told_so(user_folders):
    """One more than allowed is refused at once, and nothing of it runs."""
    limits = replace(SMALL, waiting_callers=2)
    async with CodeMode("cloudflare", limits=limits, workers=1) as code_mode:
        await code_mode.prepare()
        busy, _ = await start_waiting(code_mode)
        waiting = [asyncio.create_task(code_mode.search("return 1")) for _ in range(2)]
        await until(lambda: len(code_mode.pool._waiting) == 2)
        with pytest.raises(Busy, match="try again later"):
            await code_mode.search("return 1")
        busy.cancel()
        assert [result.value for result in await asyncio.gather(*waiting)] == [1, 1]


async def test_closing_ends_what_runs_and_what_waits(user_folders):
    """No call hangs, and no process stays."""
    async with CodeMode("cloudflare", limits=SMALL, workers=1) as code_mode:
        await code_mode.prepare()
        pids = code_mode.pool.pids
        busy, _ = await start_waiting(code_mode)
        waiting = asyncio.create_task(code_mode.search("return 1"))
        await until(lambda: code_mode.pool._waiting)
    async with asyncio.timeout(PATIENCE_SECONDS):
        ended = await asyncio.gather(busy, waiting, return_exceptions=True)
    assert all(isinstance(error, SandboxError) for error in ended)
    assert not any(psutil.pid_exists(pid) for pid in pids)


PARENT = """
import asyncio
from pymode.codemode import CodeMode
async def main():
    async with CodeMode("cloudflare", workers=2) as code_mode:
        await code_mode.prepare()
        while len(code_mode.pool.pids) < 2:
            await asyncio.sleep(0.01)
        print(*code_mode.pool.pids, flush=True)
        await code_mode.search("while True: pass\\nreturn 1")
asyncio.run(main())
"""


@ON_LINUX
async def test_workers_die_with_their_parent(user_folders):
    """Also when it is killed and can clean nothing up, and when one of them is busy."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert parent.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    workers = [psutil.Process(pid) for pid in pids]
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)
    assert [worker for worker in alive if worker.status() != "zombie"] == []
