"""The cache of runtimes and images: whose they are, if they are whole, who makes them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from small_document import SMALL

from pymode.codemode import CodeMode
from pymode.documents import Spec
from pymode.errors import ImageError, SpecError
from pymode.limits import MIB
from pymode.protocol.loading import DocumentFacts, Loaded
from pymode.sandbox import cache as cache_module
from pymode.sandbox import image, loader_process, runtimes
from pymode.sandbox.cache import Progress

# ruff: noqa: ASYNC240 - no other task waits meanwhile

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 60.0
MEMORY_BYTES = 512 * MIB


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


SPEC = Spec("a test", "small", encode(SMALL))
SNAPSHOT = b"memory of a guest"
IS_ROOT = os.getuid() == 0


class FakeLoader:
    """Stands for the process that loads: writes a file that is no snapshot, and counts."""

    def __init__(self) -> None:
        self.loads = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.error: OSError | None = None

    async def __call__(
        self,
        _runtime: Path,
        specs: Sequence[Spec],
        files: tuple[int, int],
        _memory_bytes: int,
        progress: Progress,
    ) -> Loaded:
        self.loads += 1
        self.began.set()
        os.write(files[0], SNAPSHOT[:3])
        progress(0.5, "laying out 1 of 2 operations")
        await self.go.wait()
        error, self.error = self.error, None
        if error is not None:
            raise error
        os.write(files[0], SNAPSHOT[3:])
        os.write(files[1], b"[]")
        return Loaded(65536, tuple(DocumentFacts(None, spec.name, 2) for spec in specs))


@pytest.fixture(scope="session")
def runtime(user_folders: Path) -> Path:
    """Give the runtime of this installation."""
    folder = cache_module.open_folder()
    return asyncio.run(runtimes.open_runtime(folder, lambda _fraction, _sentence: None))


@pytest.fixture
def cache(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache that holds a runtime and nothing else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "pymode" / "images"
    folder.mkdir(parents=True, mode=0o700)
    (folder / f"runtime-{runtimes.key()}").symlink_to(runtime)
    return folder


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> FakeLoader:
    """Give a fake loader, so that no test waits for one."""
    fake = FakeLoader()
    monkeypatch.setattr(loader_process, "load", fake)
    return fake


async def open_image(progress: Progress | None = None) -> image.Image:
    return await image.open_image([SPEC], MEMORY_BYTES, progress)


def list_names(cache: Path) -> list[str]:
    """Return the suffixes of what is in a cache besides the runtime."""
    return sorted(path.suffix for path in cache.iterdir() if not path.name.startswith("runtime-"))


async def test_documents_are_loaded_once(cache: Path, loader: FakeLoader) -> None:
    """The second time the image comes from the cache, facts and all."""
    first = await open_image()
    assert await open_image() == first
    assert loader.loads == 1
    assert (first.documents[0].title, first.operations) == ("small", 2)
    assert first.snapshot.read_bytes() == SNAPSHOT


async def test_the_folder_is_the_users_alone(cache: Path, loader: FakeLoader) -> None:
    """Also where it was open to others before."""
    cache.chmod(0o777)
    await open_image()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["folder", "snapshot", "documents", "facts"])
async def test_what_belongs_to_another_user_is_refused(
    cache: Path, loader: FakeLoader, what: str
) -> None:
    """The error says whose it is and what to do."""
    opened = await open_image()
    path = {
        "folder": cache,
        "snapshot": opened.snapshot,
        "documents": opened.documents_path,
        "facts": opened.snapshot.with_suffix(".json"),
    }[what]
    if IS_ROOT:
        os.chown(path, 4321, 4321, follow_symlinks=False)
    elif what == "folder":
        for file in cache.iterdir():
            file.unlink()
        cache.rmdir()
        cache.symlink_to("/usr")
    else:
        path.unlink()
        path.symlink_to("/etc/passwd")
    with pytest.raises(ImageError, match="not to you"):
        await open_image()
    assert loader.loads == 1


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
async def test_a_runtime_of_another_user_is_refused(cache: Path, loader: FakeLoader) -> None:
    """It is native code."""
    (link,) = cache.glob("runtime-*")
    link.unlink()
    link.mkdir()
    os.chown(link, 4321, 4321)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtimes, "fits", lambda _folder, _target: True)
        with pytest.raises(ImageError, match="not to you"):
            await open_image()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(SNAPSHOT.swapcase()),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/nowhere")),
        lambda path: path.with_suffix(".documents").unlink(),
        lambda path: path.with_suffix(".json").write_bytes(b'{"sha256": "'),
        lambda path: path.with_suffix(".json").write_bytes(b""),
        lambda path: path.with_suffix(".json").write_bytes(b"[]"),
        lambda path: path.with_suffix(".json").write_bytes(b"null"),
        lambda path: path.with_suffix(".json").write_bytes(b"{}"),
        lambda path: path.with_suffix(".json").write_bytes(b"\xff\xfe"),
        lambda path: path.with_suffix(".json").unlink(),
    ],
)
async def test_a_damaged_image_is_made_again_and_never_entered(cache, loader, damage):
    opened = await open_image()
    damage(opened.snapshot)
    assert (await open_image()).snapshot.read_bytes() == SNAPSHOT
    assert loader.loads == 2


async def test_a_link_in_place_of_an_image_is_not_written_through(
    cache: Path, loader: FakeLoader, tmp_path: Path
) -> None:
    """The file that it points to stays as it is."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    opened = await open_image()
    opened.snapshot.unlink()
    opened.snapshot.symlink_to(target)
    again = await open_image()
    assert target.read_bytes() == b"precious"
    assert not again.snapshot.is_symlink()


async def test_an_image_that_cannot_be_read_is_an_error_for_the_operator(
    cache: Path, loader: FakeLoader
) -> None:
    """Not one without a name."""
    opened = await open_image()
    opened.snapshot.unlink()
    opened.snapshot.mkdir()
    with pytest.raises(ImageError, match="remove"):
        await open_image()


async def test_of_two_loads_at_once_one_waits_and_hears_how_far_the_other_is(
    cache: Path, loader: FakeLoader
) -> None:
    """Nobody sees half of an image."""
    loader.go.clear()
    heard: list[tuple[float, str]] = []
    said = asyncio.Event()

    def hear(fraction: float, sentence: str) -> None:
        heard.append((fraction, sentence))
        said.set()

    first = asyncio.create_task(open_image())
    await loader.began.wait()
    second = asyncio.create_task(open_image(hear))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await said.wait()
        assert list(cache.glob("*.snapshot")) == []
        loader.go.set()
        assert await first == await second
    assert loader.loads == 1
    assert heard[0] == (0.5, "another process does this: laying out 1 of 2 operations")


async def test_a_cancelled_load_leaves_nothing_behind(cache: Path, loader: FakeLoader) -> None:
    """Neither a folder nor a lock that anyone waits for."""
    loader.go.clear()
    task = asyncio.create_task(open_image())
    await loader.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list_names(cache) == [".lock"]
    loader.go.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await open_image()


async def test_only_the_images_used_last_are_kept(cache: Path, loader: FakeLoader) -> None:
    """Those of other specs make room."""
    for number in range(cache_module.KEPT_IMAGES + 3):
        spec = Spec("a test", "small", encode(SMALL | {"x": number}))
        opened = await image.open_image([spec], MEMORY_BYTES)
        os.utime(opened.snapshot, (number, number))
    assert len(list(cache.glob("*.snapshot"))) == cache_module.KEPT_IMAGES
    assert len(list(cache.glob("*.documents"))) == cache_module.KEPT_IMAGES
    assert opened.snapshot.exists()


LOAD = """
import asyncio, sys
from pymode.documents import Spec
from pymode.sandbox import image
spec = Spec("a test", "large", sys.stdin.buffer.read())
asyncio.run(image.open_image([spec], 2**30, lambda *report: print(*report, flush=True)))
"""
# It takes a second to lay out.
LARGE = encode(
    SMALL | {"paths": {f"/p{n}": {"get": {"summary": f"item {n}"}} for n in range(40_000)}}
)


@contextlib.contextmanager
def loading(document: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Load a document in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", LOAD], stdin=pipe, stdout=pipe, env=environment
    ) as process:
        assert process.stdin is not None
        process.stdin.write(document)
        process.stdin.close()
        try:
            yield process
        finally:
            process.kill()


def find_children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is told on Linux only")
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
async def test_a_load_that_is_killed_leaves_no_process_and_no_half_image(
    cache: Path, signal_: signal.Signals
) -> None:
    """What it leaves is a folder, which the next load removes."""
    with loading(LARGE) as process:
        assert process.stdout is not None
        assert b"reading" in process.stdout.readline()
        children = find_children(process.pid)
        assert children
        process.send_signal(signal_)
        process.wait(PATIENCE_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(map(is_running, children)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    assert list(cache.glob("*.snapshot")) == []
    spec = Spec("a test", "large", LARGE)
    opened = await image.open_image([spec], 1024 * MIB)
    assert opened.operations == 40_000
    assert list(cache.glob("build-*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="children are listed on Linux only")
def test_sigterm_of_pymode_build_leaves_no_process_and_no_file(cache: Path, tmp_path: Path) -> None:
    document = tmp_path / "large.json"
    document.write_bytes(LARGE)
    command = [sys.executable, "-m", "pymode", "build", "--spec", str(document)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert b"reading" in process.stderr.readline()
            children = find_children(process.pid)
            assert children
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
            assert b"Traceback" not in process.stderr.read()
        finally:
            process.kill()
    assert not any(map(is_running, children))
    assert list_names(cache) == [".lock"]


@pytest.mark.skipif(sys.platform != "linux", reason="children are listed on Linux only")
async def test_a_loader_that_is_killed_is_an_error_that_says_so(cache: Path) -> None:
    """It is what the kernel does where memory is short."""
    task = asyncio.create_task(image.open_image([Spec("a test", "l", LARGE)], 1024 * MIB))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (children := find_children(os.getpid())):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    for child in children:
        os.kill(child, signal.SIGKILL)
    with pytest.raises(ImageError, match=r"killed by signal 9.*too little memory"):
        await task
    assert list_names(cache) == [".lock"]


async def test_what_a_killed_process_left_long_ago_is_removed(
    cache: Path, loader: FakeLoader
) -> None:
    left, recent = cache / "build-other-1", cache / "build-another-2"
    left.mkdir()
    recent.mkdir()
    long_ago = time.time() - 2 * cache_module.LEFT_SECONDS
    os.utime(left, (long_ago, long_ago))
    await open_image()
    assert not left.exists()
    assert recent.exists()


async def test_a_document_that_cannot_be_loaded_leaves_nothing(cache: Path) -> None:
    with pytest.raises(SpecError, match="a test"):
        await image.open_image([Spec("a test", "small", b'{"openapi": "3.1.0"')], MEMORY_BYTES)
    assert list_names(cache) == [".lock"]


async def ask(expected_files: int) -> None:
    """Search in a sandbox whose cache is of no use."""
    async with CodeMode(SMALL, workers=2) as code_mode:
        result = await code_mode.search("return list(spec['paths'])")
        assert result.value == list(SMALL["paths"])
        assert len(code_mode.image.files) == expected_files


@pytest.mark.skipif(sys.platform != "linux", reason="memory takes the files on Linux")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
async def test_where_the_cache_takes_no_file_the_image_lives_in_memory(
    cache: Path, loader: FakeLoader, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """The operator is told, as loading again at each start costs time."""
    loader.error = OSError(number, os.strerror(number))
    opened = await open_image()
    assert opened.snapshot.read_bytes() == SNAPSHOT
    assert list(cache.glob("*.snapshot")) == []
    assert "XDG_CACHE_HOME" in caplog.text
    assert os.strerror(number) in caplog.text
    opened.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory takes the files on Linux")
async def test_calls_run_where_the_cache_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path
) -> None:
    """A wheel carries the runtime, so that nothing needs to be written."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(runtimes, "find_carried", lambda: runtime)
    await ask(2)


async def test_without_a_runtime_and_a_cache_the_operator_hears_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the variable to set."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ImageError, match="XDG_CACHE_HOME"):
        await open_image()


@contextlib.contextmanager
def mounted(disk: Path, options: str) -> Iterator[Path]:
    """Mount a small disk in memory."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(not IS_ROOT or sys.platform != "linux", reason="only root can mount a disk")
@pytest.mark.parametrize("options", ["size=4m", "size=64m,ro"], ids=["full", "read-only"])
async def test_calls_run_on_a_disk_that_is_full_or_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path, options: str
) -> None:
    with mounted(tmp_path / "disk", options) as disk:
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
        monkeypatch.setattr(runtimes, "find_carried", lambda: runtime)
        await ask(2)
        assert list(disk.rglob("*.snapshot")) == []


@pytest.mark.skipif(not IS_ROOT or sys.platform != "linux", reason="only root can mount a disk")
async def test_a_disk_without_room_for_the_runtime_is_named_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "size=64m") as disk:
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk))
        with pytest.raises(ImageError, match=r"128 MiB.*has 6\d MiB.*XDG_CACHE_HOME"):
            await open_image()


async def test_a_build_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in a process; what that prints last is in the error."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(runtimes, "find_carried", lambda: tmp_path / "empty")
    monkeypatch.setattr(runtimes, "key", lambda: "a-test")
    with pytest.raises(ImageError, match=r"compiling the sandbox failed.*install pymode again"):
        await open_image()
    assert [path.suffix for path in (tmp_path / "pymode" / "images").iterdir()] == [".lock"]


async def test_a_loader_that_cannot_start_is_an_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        loader_process, "write_command", lambda *_: [sys.executable, "-c", "raise SystemExit(3)"]
    )
    with pytest.raises(ImageError, match="exit status 3"):
        await open_image()
