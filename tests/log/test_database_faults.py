"""A log that cannot be used: what is said, what is refused, and what is caught up on later."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from pymode.errors import LogError
from pymode.log import Database, Log, Results, iterate_calls, list_requests, open_to_read

Become = Callable[[], AbstractContextManager[None]]


async def try_write(database: Database, code: str = "code") -> str:
    """Record a write, and say what became of it: "" or the error's text."""
    log = Log(database)
    call = log.begin_call("execute", code)
    try:
        await log.begin_request(call, "POST", f"/{code}", is_write=True)
    except LogError as error:
        return str(error)
    return ""


def use(path: Path, do: Callable[[Database], Awaitable[None]], busy_seconds: float = 0.05) -> None:
    async def main() -> None:
        database = Database(path, busy_seconds=busy_seconds)
        await do(database)
        await database.close()

    asyncio.run(main())


def read_codes(path: Path) -> list[str]:
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        return [call.code for call in iterate_calls(connection)]


def read_paths(path: Path) -> set[str]:
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        calls = list(iterate_calls(connection))
        return {one.path for call in calls for one in list_requests(connection, call.id)}


def make_log(path: Path, calls: int = 1) -> None:
    async def fill(database: Database) -> None:
        for number in range(calls):
            assert await try_write(database, f"old{number} " + "x" * 2_000) == ""

    use(path, fill)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of another program."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_locked_log_refuses_writes_after_a_bounded_wait(path: Path) -> None:
    """What nobody waits for is recorded once the lock is gone."""

    async def do(database: Database) -> None:
        log = Log(database)
        with locked(path):
            call = log.begin_call("execute", "read only")
            read = await log.begin_request(call, "GET", "/read", is_write=False)
            log.end_request(read, 200, 0.1)
            log.end_call(call, "ok")
            said = await try_write(database, "refused")
            assert said.startswith(f"the log {path} cannot be written: another program holds it")
            assert said.endswith("or start with --no-log")
            assert str(database.trouble) == said
        assert await try_write(database, "sent") == ""
        assert database.trouble is None

    make_log(path)
    use(path, do)
    assert "/read" in read_paths(path)
    assert "/refused" not in read_paths(path)
    assert "/sent" in read_paths(path)


def test_a_log_locked_from_the_start_says_so_when_it_is_opened(path: Path) -> None:
    async def do(database: Database) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(LogError, match="another program holds it locked"):
                await database.open()
        await database.open()

    make_log(path)
    use(path, do)


def test_a_read_only_file_is_named_and_can_still_be_read(
    someones_folder: Path, as_someone: Become
) -> None:
    path = someones_folder / "log.sqlite3"

    async def do(database: Database) -> None:
        assert "the file or its folder is read-only" in await try_write(database)

    with as_someone():
        make_log(path)
        path.chmod(0o400)
        someones_folder.chmod(0o500)
        # Making it writable is tried first, and this user may do that with a file of his own.
        assert len(read_codes(path)) == 1
        path.chmod(0o600)
        use(path, do)
        assert len(read_codes(path)) == 1


def test_a_read_only_folder_without_a_log_is_named(
    someones_folder: Path, as_someone: Become
) -> None:
    async def do(database: Database) -> None:
        said = await try_write(database)
        assert "cannot be opened" in said
        assert str(someones_folder) in said

    with as_someone():
        someones_folder.chmod(0o500)
        use(someones_folder / "log.sqlite3", do)
        use(someones_folder / "further" / "log.sqlite3", do)


def test_a_full_disk_refuses_writes_until_there_is_room(small_disk: Path) -> None:
    path = small_disk / "log.sqlite3"
    filler = small_disk / "filler"

    async def do(database: Database) -> None:
        assert await try_write(database, "first") == ""
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        said = ""
        for _ in range(100):
            said = said or await try_write(database, "late" + "x" * 4_000)
        assert "the disk is full; free some space" in said
        filler.unlink()
        assert await try_write(database, "last") == ""

    use(path, do)
    assert {"/first", "/last"} <= read_paths(path)


def test_what_is_too_large_for_the_disk_does_not_stop_what_is_small(small_disk: Path) -> None:
    """A result and a write come in one commit; the write is recorded and may be sent."""

    async def do(database: Database) -> None:
        await database.open()
        results = Results(database)
        kept, said = await asyncio.gather(
            results.keep(b"owner", "x" * 1_000_000),
            try_write(database, "small"),
            return_exceptions=True,
        )
        assert isinstance(kept, LogError)
        assert "the disk is full" in str(kept)
        assert said == ""

    use(small_disk / "log.sqlite3", do)
    assert read_paths(small_disk / "log.sqlite3") == {"/small"}


def test_work_that_fails_does_not_stop_the_work_beside_it(path: Path) -> None:
    """Nor does it when a lock comes in between: each piece of work is answered."""

    def fail(_: sqlite3.Connection) -> None:
        raise RuntimeError("inside")

    async def do(database: Database) -> None:
        answers = await asyncio.gather(
            try_write(database, "a"),
            database.write(fail),
            try_write(database, "b"),
            return_exceptions=True,
        )
        assert (answers[0], answers[2]) == ("", "")
        assert isinstance(answers[1], LogError)
        with locked(path):
            database.post(fail)
            assert "locked" in await try_write(database, "c")
            database.post(fail)
            assert "locked" in await try_write(database, "d")
        assert await try_write(database, "e") == ""

    make_log(path)
    use(path, do)
    assert read_paths(path) >= {"/a", "/b", "/e"}


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4096)


def overwrite_all(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def overwrite_inside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:-1000] = os.urandom(len(data) - 1_100)
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def move_away(path: Path) -> None:
    path.rename(path.with_name("moved"))


@pytest.mark.parametrize("damage", [overwrite_all, overwrite_inside, truncate])
def test_a_damaged_log_is_named_with_what_to_do(path: Path, damage: Callable[[Path], None]) -> None:
    """Writes are refused and reading explains; once it is moved away, a new log is begun."""

    async def do(database: Database) -> None:
        said = await try_write(database)
        assert said.startswith(f"the log {path} cannot be written: the file is damaged")
        assert f"move {path} away, with {path.name}-wal and {path.name}-shm" in said
        move_away(path)
        assert await try_write(database, "new") == ""

    make_log(path, calls=30)
    damage(path)
    with pytest.raises(LogError, match=r"cannot be read: the file is damaged.* move"):
        read_codes(path)
    use(path, do)
    assert read_paths(path) >= {"/new"}


def test_a_log_deleted_while_it_is_used_is_begun_anew(path: Path) -> None:
    """What is written to a deleted file would be lost without a word."""

    async def do(database: Database) -> None:
        assert await try_write(database, "before") == ""
        for file in path.parent.iterdir():
            file.unlink()
        assert await try_write(database, "after") == ""
        assert read_codes(path) == ["after"]

    use(path, do)


def test_a_database_of_another_program_is_not_touched(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (name)")
        other.commit()
    before = path.read_bytes()

    async def do(database: Database) -> None:
        assert "a database of another program" in await try_write(database)

    use(path, do)
    assert path.read_bytes() == before


def test_the_log_of_a_newer_version_is_not_touched(path: Path) -> None:
    make_log(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version=99")

    async def do(database: Database) -> None:
        assert "a newer pymode wrote it; update pymode" in await try_write(database)

    use(path, do)


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_a_file_of_another_user_is_refused(path: Path, ending: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    make_log(path)
    file = path.with_name(path.name + ending)
    file.touch()
    os.chown(file, 65534, 65534)

    async def do(database: Database) -> None:
        assert "belongs to another user (uid 65534)" in await try_write(database)

    use(path, do)
    with pytest.raises(LogError, match="belongs to another user"):
        read_codes(path)


def test_a_folder_open_to_all_a_link_and_a_folder_are_refused(path: Path) -> None:
    async def do_open(database: Database) -> None:
        assert "others may replace files" in await try_write(database)

    async def do_link(database: Database) -> None:
        assert "is not a plain file" in await try_write(database)

    make_log(path)
    link = path.with_name("link")
    link.symlink_to(path)
    use(link, do_link)
    use(path.parent, do_link)
    path.parent.chmod(0o777)
    use(path, do_open)


def test_a_file_open_to_others_is_closed_to_them(path: Path) -> None:
    make_log(path)
    path.chmod(0o644)
    make_log(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_cancelled_wait_for_a_lock_records_the_write_as_not_sent(path: Path) -> None:
    async def do(database: Database) -> None:
        log = Log(database)
        call = log.begin_call("execute", "code")
        with locked(path):
            begin = asyncio.ensure_future(log.begin_request(call, "POST", "/x", is_write=True))
            await asyncio.sleep(0)
            begin.cancel()
            with pytest.raises(asyncio.CancelledError):
                await begin

    make_log(path)
    use(path, do)
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        calls = list(iterate_calls(connection))
        assert [one.outcome for one in list_requests(connection, calls[-1].id)] == ["not sent"]


WRITER = """
import asyncio, sys
from pathlib import Path
from pymode.log import Database, Log

async def main():
    database = Database(Path(sys.argv[1]))
    log = Log(database)
    for number in range(200):
        call = log.begin_call("execute", sys.argv[2])
        write = await log.begin_request(call, "POST", f"/{sys.argv[2]}/{number}", is_write=True)
        log.end_request(write, 200, 0.1)
        log.end_call(call, "ok")
    await database.close()

asyncio.run(main())
"""


def test_three_processes_begin_one_log_at_once_and_nothing_is_lost(path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    names = ("a", "b", "c")
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], env=environment)
        for name in names
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert read_paths(path) == {f"/{name}/{number}" for name in names for number in range(200)}
