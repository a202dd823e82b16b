"""The cache of images, which are native code: whose they are, if they are whole, who builds."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pymode.documents import Spec
from pymode.errors import ImageError
from pymode.sandbox import build, image
from pymode.sandbox.build import Built

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 20.0
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Small", "version": "1"},
    "servers": [{"url": "https://api.example.com"}],
    "paths": {"/x": {"get": {"responses": {"200": {"description": "ok"}}}}},
}
SPEC = Spec("a test", "small", json.dumps(DOCUMENT).encode())


class FakeBuild:
    """Stands for the build step: writes a file that is no image, and counts."""

    def __init__(self, content: bytes = b"native code") -> None:
        self.content = content
        self.builds = 0
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(
        self, scratch: Path, _spec: bytes, progress: Callable[[float, str], None]
    ) -> Built:
        self.builds += 1
        self.began.set()
        path = scratch / "image"
        path.write_bytes(self.content[:3])
        progress(0.5, "building")
        await self.go.wait()
        path.write_bytes(self.content)
        return Built(path, hashlib.sha256(self.content).hexdigest(), 65536)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Give an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pymode" / "images"


@pytest.fixture
def builder(monkeypatch) -> FakeBuild:
    """Give a fake build step, so that a build takes no time."""
    fake = FakeBuild()
    monkeypatch.setattr(build, "build", fake)
    return fake


async def test_an_image_is_built_once(cache, builder):
    """The second time it comes from the cache, facts and all."""
    first = await image.open_image([SPEC])
    assert await image.open_image([SPEC]) == first
    assert builder.builds == 1
    assert (first.documents[0].title, first.operations) == ("Small", 1)
    assert first.documents[0].base_url == "https://api.example.com"
    assert first.path.read_bytes() == b"native code"


async def test_the_folder_is_the_users_alone(cache, builder):
    """Also where it was open to others before."""
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    await image.open_image([SPEC])
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("what", ["folder", "image", "facts"])
async def test_what_belongs_to_another_user_is_refused(cache, builder, what):
    """The error says whose it is and what to do."""
    opened = await image.open_image([SPEC])
    path = {"folder": cache, "image": opened.path, "facts": opened.path.with_suffix(".json")}[what]
    if os.getuid() == 0:
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
        await image.open_image([SPEC])
    assert builder.builds == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"native c0de"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/nowhere")),
        lambda path: path.with_suffix(".json").write_bytes(b'{"sha256": "'),
        lambda path: path.with_suffix(".json").write_bytes(b""),
        lambda path: path.with_suffix(".json").write_bytes(b"[]"),
        lambda path: path.with_suffix(".json").write_bytes(b"null"),
        lambda path: path.with_suffix(".json").write_bytes(b"{}"),
        lambda path: path.with_suffix(".json").write_bytes(b"\xff\xfe"),
        lambda path: path.with_suffix(".json").unlink(),
    ],
)
async def test_a_damaged_image_is_built_again_and_never_opened(cache, builder, damage):
    """wasmtime would crash on it."""
    opened = await image.open_image([SPEC])
    damage(opened.path)
    assert (await image.open_image([SPEC])).path.read_bytes() == b"native code"
    assert builder.builds == 2


async def test_a_link_in_place_of_an_image_is_not_written_through(cache, builder, tmp_path):
    """The file that it points to stays as it is."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    opened = await image.open_image([SPEC])
    opened.path.unlink()
    opened.path.symlink_to(target)
    again = await image.open_image([SPEC])
    assert target.read_bytes() == b"precious"
    assert not again.path.is_symlink()


async def test_an_image_that_cannot_be_read_is_an_error_for_the_operator(cache, builder):
    """Not one without a name."""
    opened = await image.open_image([SPEC])
    opened.path.unlink()
    opened.path.mkdir()
    with pytest.raises(ImageError, match="remove"):
        await image.open_image([SPEC])


async def test_a_cache_that_cannot_be_made_is_an_error_for_the_operator(tmp_path, monkeypatch):
    """It names the variable to set."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ImageError, match="XDG_CACHE_HOME"):
        await image.open_image([SPEC])


async def test_of_two_builds_at_once_one_waits_and_finds_the_image(cache, builder):
    """Nobody sees half of it."""
    builder.go.clear()
    heard: list[str] = []
    said = asyncio.Event()

    def hear(_fraction: float, sentence: str) -> None:
        heard.append(sentence)
        said.set()

    first = asyncio.create_task(image.open_image([SPEC]))
    await builder.began.wait()
    second = asyncio.create_task(image.open_image([SPEC], hear))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await said.wait()
        assert list(cache.glob("*.image")) == []
        builder.go.set()
        assert await first == await second
    assert builder.builds == 1
    assert "another process builds" in heard[0]


async def test_a_cancelled_build_leaves_nothing_behind(cache, builder):
    """Neither a folder nor a lock that anyone waits for."""
    builder.go.clear()
    build_task = asyncio.create_task(image.open_image([SPEC]))
    await builder.began.wait()
    build_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build_task
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
    builder.go.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await image.open_image([SPEC])


KILLED = """
import asyncio, sys
sys.path[:0] = [{tests!r}]
from test_image_cache import SPEC, FakeBuild
from pymode.sandbox import build, image
async def main():
    build.build = fake = FakeBuild()
    fake.go.clear()
    await image.open_image([SPEC], lambda fraction, _: print(fraction, flush=True))
asyncio.run(main())
"""


async def test_a_killed_build_leaves_no_half_image_and_no_lock(cache, builder):
    """What it leaves is a folder, which a later build removes once it is old."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED.format(tests=str(Path(__file__).parent))),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await process.stdout.readline()).strip() != b"0.5":
            pass
    process.send_signal(signal.SIGKILL)
    await process.wait()
    (left,) = cache.glob("build-*")
    assert list(cache.glob("*.image")) == []
    async with asyncio.timeout(PATIENCE_SECONDS):
        opened = await image.open_image([SPEC])
    assert opened.path.read_bytes() == b"native code"
    assert left.exists()
    long_ago = time.time() - 10 * build.BUILD_SECONDS
    os.utime(left, (long_ago, long_ago))
    opened.path.unlink()
    await image.open_image([SPEC])
    assert not left.exists()


async def test_only_the_images_used_last_are_kept(cache, builder):
    """Those of other specs make room."""
    for number in range(image.KEPT_IMAGES + 3):
        document = DOCUMENT | {"info": {"title": str(number), "version": "1"}}
        opened = await image.open_image([Spec("a test", "small", json.dumps(document).encode())])
        os.utime(opened.path, (number, number))
    assert len(list(cache.glob("*.image"))) == image.KEPT_IMAGES
    assert opened.path.exists()


async def test_a_real_build_that_fails_says_why_and_leaves_nothing(cache, monkeypatch):
    """Its step is a process; what that prints last is in the error."""
    monkeypatch.setattr(build, "_COMPONENTIZE", "raise SystemExit('no compiler for you')")
    with pytest.raises(ImageError, match="no compiler for you"):
        await image.open_image([SPEC])
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
