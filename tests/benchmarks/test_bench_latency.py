"""The turns of the latency benchmark, with peers that only say how long they took."""

import asyncio
from dataclasses import dataclass, field

import pytest

from benchmarks import latency
from benchmarks.latency import Pace, alternate, measure_program, summarise
from benchmarks.peers import ALL, missing
from benchmarks.peers.process import PeerFailed, running_peer

PACE = Pace(times=10, warm_up=2, seconds=60)


@dataclass
class FakePeer:
    name: str
    seconds: float = 0.001
    answer: object = 1
    fails: str = ""
    diary: list = field(default_factory=list)
    title: str = "a fake"
    requires: tuple = ()
    cannot: dict = field(default_factory=dict)
    by_query: frozenset = frozenset()

    def open(self, document, base_url, workers=1):
        raise NotImplementedError

    async def run(self, program, seconds):
        self.diary.append(self.name)
        if self.fails:
            raise PeerFailed(self.fails)
        return self.seconds, self.answer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(latency, "PAUSE_SECONDS", 0)


def measure(*peers, program="search-trivial", pace=PACE):
    timed = {peer.name: peer for peer in peers}
    return asyncio.run(measure_program(peers, timed, program, pace, set()))


def test_quantiles_of_a_hundred_calls_lie_within_them():
    found = summarise([number / 1000 for number in range(1, 102)])
    assert found["median_ms"] == pytest.approx(51)
    assert found["p95_ms"] == pytest.approx(96)
    assert found["p99_ms"] == pytest.approx(100)
    assert found["times"] == 101


@pytest.mark.parametrize(("times", "absent"), [(1, 2), (19, 2), (20, 1), (99, 1), (100, 0)])
def test_a_quantile_needs_enough_calls(times, absent):
    """The p99 of 20 calls would be their maximum."""
    found = summarise([0.001] * times)
    assert [found["p95_ms"], found["p99_ms"]].count(None) == absent


def test_peers_take_turns_call_by_call():
    diary = []
    peers = {name: FakePeer(name, diary=diary) for name in "abc"}
    turns = asyncio.run(alternate(peers, "search-waf", PACE, set()))
    assert "".join(diary) == "abc" * (PACE.warm_up + PACE.times)
    assert all(len(turn.seconds) == PACE.times for turn in turns.values())


def test_a_peer_whose_time_is_over_leaves_the_others_their_turns():
    pace = Pace(times=10, warm_up=0, seconds=2.0)
    found = measure(FakePeer("fast"), FakePeer("long", seconds=0.4), pace=pace)
    assert found["fast"]["times"] == 10
    assert found["long"]["times"] == 5


def test_a_slow_peer_is_warmed_up_once():
    slow, known = FakePeer("slow", seconds=5.0), set()
    pace = Pace(times=10, warm_up=2, seconds=1.0)
    for _ in range(2):
        asyncio.run(alternate({"slow": slow}, "search-waf", pace, known))
    assert known == {"slow"}
    assert len(slow.diary) == 1 + 1 + 1


def test_what_a_peer_cannot_do_is_skipped_and_not_zero():
    found = measure(FakePeer("a"), FakePeer("b", cannot={"search-trivial": "it has no search"}))
    assert found["b"] == {"skipped": "it has no search"}
    assert found["a"]["median_ms"] == pytest.approx(1)


def test_a_peer_that_fails_is_skipped_with_the_reason():
    bad = FakePeer("bad", fails="no answer within 20 s")
    found = measure(FakePeer("good"), bad)
    assert found["bad"] == {"skipped": "no answer within 20 s"}
    assert found["good"]["times"] == PACE.times
    assert bad.diary == ["bad"]


def test_a_wrong_answer_gives_no_time():
    found = measure(FakePeer("a", answer=[1]), FakePeer("b", answer=[2]))
    assert found["b"] == {"skipped": "its answer is another: [2]"}


def test_a_peer_that_answers_a_query_has_an_answer_of_its_own():
    asked = FakePeer("b", answer="some text", by_query=frozenset({"search-trivial"}))
    assert measure(FakePeer("a"), asked)["b"]["times"] == PACE.times


def test_the_bar_of_a_short_call_is_what_the_rival_takes_in_the_same_run():
    found = measure(FakePeer("pymode-library"), FakePeer("eryx"))
    assert found["pymode-library"]["bar"] == {"most": found["eryx"]["median_ms"]}
    assert "bar" not in found["eryx"]
    assert "bar" not in measure(FakePeer("pymode-library"))["pymode-library"]


def test_a_peer_that_is_not_installed_says_so():
    absent = FakePeer("a", requires=("no-such-distribution",))
    assert missing(absent) == "no-such-distribution is not installed"


def test_a_peer_runs_in_a_process_of_its_own_and_takes_its_own_times(tmp_path):
    """The naive one, because it needs neither an image nor another package."""
    document = tmp_path / "document.json"
    document.write_text('{"paths": {"/a": {"get": {"tags": ["one"]}}}}')
    naive = next(peer for peer in ALL if peer.name == "naive")

    async def call():
        async with running_peer(naive, document, "http://127.0.0.1:9") as process:
            assert await process.wait_ready() > 0
            taken = await process.run("search-tags", 60)
            with pytest.raises(PeerFailed, match="KeyError"):
                await process.run("search-schema", 60)
            together = {"program": "execute-trivial", "callers": 2, "seconds": 0.01}
            return taken, await process.ask(together, 60)

    (seconds, answer), together = asyncio.run(call())
    assert answer == ["one"]
    assert seconds > 0
    assert together["calls"] >= 2
