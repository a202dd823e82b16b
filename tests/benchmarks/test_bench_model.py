"""A model plays the tasks over either protocol; what it says is checked as the scripts are."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from model_endpoint import CACHED, KEY, READ, WRITTEN, FakeModel, Turn, serving

from benchmarks import approaches, model
from benchmarks.approaches.raw import Raw
from benchmarks.documents import small
from benchmarks.endpoint import Endpoint, EndpointRefused
from benchmarks.options import Options
from benchmarks.task import FOLDER, Task, load_task

pytestmark = pytest.mark.anyio

BASE_PATH = {"openai": "/v1", "anthropic": ""}


def find_zone(_: list[str]) -> list[tuple[str, dict]]:
    zones = ("request", {"method": "GET", "path": "/zones", "query": {"name": "example.net"}})
    return [zones, ("request", {"method": "GET", "path": "/accounts"})]


def find_records(answers: list[str]) -> list[tuple[str, dict]]:
    zone = json.loads(answers[0])["result"][0]["id"]
    query = {"type": "A", "name": "mail.example.net"}
    path = f"/zones/{zone}/dns_records"
    return [("request", {"method": "GET", "path": path, "query": query})]


def say_addresses(answers: list[str]) -> str:
    return json.dumps([record["content"] for record in json.loads(answers[-1])["result"]])


SOLVING: tuple[Turn, ...] = (find_zone, find_records, say_addresses)


def ask_again(_: list[str]) -> list[tuple[str, dict]]:
    return [("request", {"method": "GET", "path": "/zones"})]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeModel]:
    """Give an endpoint whose model solves the task, and its key."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with serving(FakeModel(SOLVING)) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(FOLDER / "01-addresses-of-a-host.yaml")


async def play(fake: FakeModel, task: Task, provider: str = "openai") -> model.ModelRun:
    async with Endpoint(f"{provider}:fake", fake.url + BASE_PATH[provider]) as endpoint:
        return await model.play(task, Raw(), small(), endpoint)


@pytest.mark.parametrize("provider", BASE_PATH)
async def test_a_model_solves_a_task(fake: FakeModel, task: Task, provider: str) -> None:
    """Tokens are those of the endpoint, requests those of the simulated API."""
    run = await play(fake, task, provider)
    assert (run.why, run.turns, run.requests) == ("", 3, 3)
    assert (run.read, run.written, run.cached) == (3 * READ, 3 * WRITTEN, 3 * CACHED)
    assert 0 < run.model_seconds <= run.seconds


async def test_the_model_reads_goal_prompt_and_tools(fake: FakeModel, task: Task) -> None:
    """The goal ends with how to answer; the document is the system's message."""
    await play(fake, task)
    system, user = fake.bodies[0]["messages"]
    assert small().text in system["content"]
    assert user["content"] == task.goal + model.ANSWER_LINE
    assert fake.bodies[0]["model"] == "fake"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('["203.0.113.9"]', "turn 1: the answer is"),
        ("It has 203.0.113.1.", "turn 1: the last message is not JSON"),
    ],
)
async def test_a_wrong_answer_is_a_failure(
    fake: FakeModel, task: Task, said: str, why: str
) -> None:
    fake.turns = [lambda _: said]
    assert (await play(fake, task)).why.startswith(why)


async def test_an_answer_in_a_code_fence_is_read(fake: FakeModel, task: Task) -> None:
    fake.turns = [lambda _: '```json\n["203.0.113.1"]\n```']
    assert (await play(fake, task)).why == ""


async def test_a_write_that_was_not_asked_for_is_a_failure(fake: FakeModel, task: Task) -> None:
    create = {"method": "POST", "path": "/zones", "body": {"name": "more.example"}}
    fake.turns = [lambda _: [("request", create)], lambda _: '["203.0.113.1"]']
    assert "writes succeeded, not 0" in (await play(fake, task)).why


async def test_turns_are_bounded(fake: FakeModel, task: Task) -> None:
    fake.turns = [ask_again] * 100
    run = await play(fake, task)
    assert run.turns == len(fake.bodies) == model.MAX_TURNS
    assert run.why == f"turn {model.MAX_TURNS}: no answer after {model.MAX_TURNS} turns"


async def test_an_unknown_tool_is_an_answer_to_read(fake: FakeModel, task: Task) -> None:
    """The model may do better in its next turn."""
    fake.turns = [lambda _: [("delete_everything", {})], lambda _: '["203.0.113.1"]']
    run = await play(fake, task)
    assert run.why == ""
    assert "delete_everything" in fake.bodies[1]["messages"][-1]["content"]


@pytest.mark.parametrize("provider", BASE_PATH)
async def test_passing_faults_are_tried_again(fake: FakeModel, task: Task, provider: str) -> None:
    fake.failures = [429, 500, 529]
    assert (await play(fake, task, provider)).why == ""
    assert fake.refused == 3


async def test_attempts_are_bounded_and_the_error_has_no_key(fake: FakeModel, task: Task) -> None:
    """The endpoint repeats the key in its error; the run does not."""
    fake.failures = [429] * 100
    run = await play(fake, task)
    assert fake.refused == 5
    assert "429" in run.why
    assert "not now, [key]" in run.why


async def test_a_request_that_the_endpoint_refuses_fails_the_run_at_once(
    fake: FakeModel, task: Task
) -> None:
    """Too many tools or too long a prompt is a result of the approach."""
    fake.failures = [400]
    run = await play(fake, task)
    assert run.why.startswith("turn 0: EndpointError: the endpoint answered 400")
    assert fake.refused == 1


async def test_a_wrong_key_ends_everything_and_is_not_shown(
    fake: FakeModel, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with pytest.raises(EndpointRefused, match="401") as caught:
        await play(fake, task)
    assert "sk-wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("openai:fake", "", "OPENAI_API_KEY, which is not set"),
        ("openai:fake", "sk\n-wrong", "characters that cannot be in a key"),
        ("fake", "sk-wrong", "openai:NAME or anthropic:NAME"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_sent(
    name: str, key: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(EndpointRefused, match=words) as caught:
        Endpoint(name, None)
    assert "wrong" not in str(caught.value)


async def test_a_section_sums_up_all_runs(
    fake: FakeModel, task: Task, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Success rate, tokens, turns, latency and cost; the key stands nowhere."""
    monkeypatch.setattr(approaches, "ALL", (Raw(),))
    monkeypatch.setattr(model, "load_tasks", lambda: [task])
    options = Options(
        model="anthropic:fake", base_url=fake.url, repeat=2, price_in=3.0, price_out=15.0
    )
    lines: list[str] = []
    section = await model.measure(options, lines.append)
    summary = section["summary"]["raw"]
    assert (summary["solved"], summary["of"], summary["success_rate"]) == (2, 2, 1.0)
    assert summary["tokens_median"] == 3 * (READ + WRITTEN)
    cost = 3 * (READ * 3.0 + WRITTEN * 15.0) / 1e6
    assert section["tasks"][0]["runs"]["raw"][0]["cost"] == pytest.approx(cost)
    assert summary["cost_total"] == pytest.approx(2 * cost, abs=1e-4)
    shown = capfd.readouterr()
    assert KEY not in json.dumps(section) + "".join(lines) + shown.out + shown.err


async def test_without_prices_there_is_no_cost(fake: FakeModel, task: Task) -> None:
    run = await play(fake, task)
    assert run.figures(Options())["cost"] is None
