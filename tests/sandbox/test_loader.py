"""Documents become a snapshot, and calls in the guest that enters it leave no trace."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from quiet_host import QuietHost
from small_document import SMALL

from pymode.protocol.loading import (
    DocumentFacts,
    Failed,
    Laid,
    Loaded,
    LoaderSettings,
    Report,
    Source,
    read_report,
)
from pymode.sandbox import linked, loader, snapshot
from pymode.sandbox.instance import Instance, Trap
from pymode.sandbox.loader import LoadError, load
from pymode.sandbox.processes import write_command
from pymode.sandbox.snapshot import Snapshot

MIB = 1024 * 1024
LIMITS = {
    "host_calls": 10,
    "host_calls_in_flight": 4,
    "result_bytes": 100_000,
    "printed_chars": 1000,
}


def write_request(code: str, documents: int = 1) -> bytes:
    request = {
        "code": code,
        "specs": [f"spec_{number}" for number in range(documents)],
        "apis": ["items"],
        "tools": {},
        "absent": [],
        "on_demand": [],
        "account_id": None,
        "limits": LIMITS,
    }
    return json.dumps(request).encode()


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


def run(instance: Instance, code: str, documents: int = 1) -> object:
    outcome = instance.call("run", write_request(code, documents), 10**10)
    head, _, value = outcome.decode().partition("\n")
    assert "ok" in json.loads(head), head
    return json.loads(value)


@pytest.fixture(scope="module")
def snapshot_path(runtime: linked.Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "memory"
    instance = load(runtime, [encode(SMALL)], 512 * MIB, lambda _done, _whole: None)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    snapshot.write(instance, descriptor)
    os.close(descriptor)
    return path


@pytest.fixture(scope="module")
def snap(snapshot_path: Path) -> Iterator[Snapshot]:
    with Snapshot(snapshot_path) as opened:
        opened.open_page_map()
        yield opened


def enter(runtime: linked.Runtime, snap: Snapshot) -> Instance:
    instance = Instance(runtime, QuietHost(), snap.memory_bytes + 64 * MIB)
    snap.enter(instance)
    return instance


def test_a_call_finds_the_document(runtime: linked.Runtime, snap: Snapshot) -> None:
    instance = enter(runtime, snap)
    assert run(instance, "return list(spec['paths'])") == list(SMALL["paths"])


def test_progress_counts_the_operations(runtime: linked.Runtime) -> None:
    reports: list[tuple[int, int]] = []
    paths = {f"/p{number}": {"get": {"tags": ["a"]}, "put": {}} for number in range(5000)}
    load(
        runtime,
        [encode({"openapi": "3.1.0", "paths": paths})],
        512 * MIB,
        lambda done, whole: reports.append((done, whole)),
    )
    assert reports == sorted(reports)
    assert reports[-1] == (10_000, 10_000)
    assert len(reports) > 1


def test_documents_stay_side_by_side(runtime: linked.Runtime) -> None:
    one = {"openapi": "3.1.0", "paths": {"/one": {"get": {}}}}
    two = {"openapi": "3.1.0", "paths": {"/two": {"get": {}}}}
    instance = load(runtime, [encode(one), encode(two)], 512 * MIB, lambda _done, _whole: None)
    code = "return [list(each['paths']) for each in specs.values()]"
    assert run(instance, code, 2) == [["/one"], ["/two"]]


def test_without_any_document_calls_run(runtime: linked.Runtime) -> None:
    instance = load(runtime, [], 512 * MIB, lambda _done, _whole: None)
    assert run(instance, "return 1 + 1", 0) == 2


def test_calls_that_follow_each_other_in_one_instance_stay_sound(runtime: linked.Runtime) -> None:
    """A call that is not ended in the runtime of componentize-py leaves objects freed too early."""
    instance = load(runtime, [], 512 * MIB, lambda _done, _whole: None)
    for code in ["return 1", *['x = """'] * 3]:
        outcome = instance.call("run", write_request(code, 0), 10**10).decode()
    assert "unterminated triple-quoted string" in outcome


def test_documents_that_do_not_fit_are_refused_with_the_limit(runtime: linked.Runtime) -> None:
    paths = {f"/p{number}": {"get": {"summary": "s" * 1000}} for number in range(20_000)}
    document = encode({"openapi": "3.1.0", "paths": paths})
    with pytest.raises(LoadError, match="64 MiB"):
        load(runtime, [document], 64 * MIB, lambda _done, _whole: None)


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[" * 100_000, b"null", b'{"paths": 1}', b"\xff"],
    ids=["nothing", "cut off", "deep", "null", "no paths", "no UTF-8"],
)
def test_a_document_that_was_not_checked_ends_the_loader_only(
    runtime: linked.Runtime, document: bytes
) -> None:
    with pytest.raises(LoadError, match=r"could not be loaded|do not fit"):
        load(runtime, [document], 512 * MIB, lambda _done, _whole: None)


HOSTILE = {
    "patches the document": "spec['paths'].clear(); spec['x'] = [1] * 1000; return 1",
    "patches what it can reach": """
import json, re, collections, asyncio, math
for module in (json, re, collections, asyncio, math):
    module.evil = [object() for _ in range(100)]
json.dumps = None
return 1
""",
    "keeps tasks": """
import asyncio
async def forever():
    while True:
        await asyncio.sleep(1)
tasks = [asyncio.create_task(forever()) for _ in range(50)]
return len(tasks)
""",
    "raises": "raise ValueError('x' * 1000)",
    "is no Python": "return (",
    "fills memory": "return len([str(n) for n in range(50_000)])",
    "catches everything": """
def deep(n):
    return deep(n + 1)
try:
    deep(0)
except RecursionError:
    return "caught"
""",
    "prints": "for n in range(100):\n    print(n)\nreturn n",
    "sorts": "return sorted(str(n) for n in range(3000))[:5]",
    "makes a cycle": "a = []\na.append(a)\nreturn a",
    "changes the seed": "import random\nrandom.seed(1)\nreturn [random.random()] * 9",
    "opens a class": """
class A:
    def __init__(self):
        self.b = self
return [str(type(A()))] * 10
""",
}


@pytest.mark.parametrize("round_", range(3))
def test_a_restored_guest_is_the_snapshot_whatever_ran(
    runtime: linked.Runtime, snap: Snapshot, round_: int
) -> None:
    instance = enter(runtime, snap)
    for name, code in list(HOSTILE.items())[:: 1 if round_ % 2 else -1]:
        try:
            instance.call("run", write_request(code), 10**10)
        except Trap:
            instance = enter(runtime, snap)
            continue
        if instance.memory_bytes != snap.memory_bytes:
            instance = enter(runtime, snap)
            continue
        snap.restore(instance)
        assert snap.is_restored(instance), name
    assert run(instance, "return list(spec['paths'])") == list(SMALL["paths"])


def test_most_calls_need_no_more_memory_than_the_snapshot_has(
    runtime: linked.Runtime, snap: Snapshot
) -> None:
    instance = enter(runtime, snap)
    run(instance, "return len([{'number': n} for n in range(10_000)])")
    assert instance.memory_bytes == snap.memory_bytes


def test_a_call_writes_to_few_pages(runtime: linked.Runtime, snap: Snapshot) -> None:
    """Objects of the snapshot are never counted, so that their pages are not written to."""
    instance = enter(runtime, snap)
    run(instance, "return 1")
    assert snap.restore(instance) < 350


def start(
    runtime_folder: Path, folder: Path, content: bytes, size_bytes: int, memory_bytes: int
) -> list[Report]:
    folder.mkdir()
    files = [os.open(folder / name, os.O_RDWR | os.O_CREAT) for name in ("memory", "documents")]
    settings = LoaderSettings(
        runtime=str(runtime_folder),
        sources=(Source("items.json", None, size_bytes),),
        snapshot=files[0],
        documents=files[1],
        memory_bytes=memory_bytes,
        needs_yaml=False,
    )
    done = subprocess.run(
        write_command("loader", settings.write(), ("yaml",)),
        input=content,
        capture_output=True,
        pass_fds=files,
        timeout=60,
        check=False,
    )
    for file in files:
        os.close(file)
    assert done.stderr == b""
    return [read_report(line) for line in done.stdout.splitlines()]


def test_the_loader_is_a_process(runtime_folder: Path, tmp_path: Path) -> None:
    document = encode(SMALL)
    folder = tmp_path / "made"
    reports = start(runtime_folder, folder, document, len(document), 512 * MIB)
    assert reports[0] == Laid(0, 0, 2)
    with Snapshot(folder / "memory") as opened:
        facts = (DocumentFacts(None, "Items", 2),)
        assert reports[-1] == Loaded(opened.memory_bytes, facts)
    assert json.loads((folder / "documents").read_bytes()) == [SMALL]


def test_the_loader_says_what_went_wrong(runtime_folder: Path, tmp_path: Path) -> None:
    [report] = start(runtime_folder, tmp_path / "a", b"{", 9, 512 * MIB)
    assert report == Failed("spec", "the documents end too early")
    [report] = start(runtime_folder, tmp_path / "b", b"{}", 2, 512 * MIB)
    assert isinstance(report, Failed)
    assert report.message.startswith("items.json: ")
    document = encode(SMALL)
    [report] = start(runtime_folder, tmp_path / "c", document, len(document), MIB)
    assert isinstance(report, Failed)
    assert "1 MiB" in report.message


def test_the_answers_of_rehearsals_are_counted() -> None:
    host = loader.RehearsalHost()
    assert (host.start("a", "GET /items"), host.start("a", "GET /refused")) == (1, 2)
    (_, first), (_, second) = host.wait(-1.0)
    assert b'"status":200' in first
    assert b'"status":404' in second
    assert host.wait(0) == []
