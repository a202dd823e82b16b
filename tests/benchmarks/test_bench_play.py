"""Playing a task: counts, honesty, and what disqualifies a run.

The API is the simulated one; the approach is a fake with the tool of `raw`, which sends requests.
"""

from contextlib import asynccontextmanager

import httpx
import pytest
import yaml

from benchmarks.approaches.approach import TOKEN, Answer
from benchmarks.checks import select
from benchmarks.counting import compact, count
from benchmarks.documents import core
from benchmarks.honesty import Honesty, Unread, fields_in
from benchmarks.play import play, summarise
from benchmarks.task import load_task
from benchmarks.turns import Writer, Written, tool_names
from pymode.simulator.seed import identifier

pytestmark = pytest.mark.anyio

# The fake's document: what else the API can do, its model has not read.
DEFINITIONS = "GET /zones?name= and POST /zones/{zone_id}/dns_records with type, name, content"
ZONES = {"request": "GET /zones", "query": {"name": "example.net"}}
CREATE = {
    "request": "POST /zones/{zone_id}/dns_records",
    "path": {"zone_id": "=a[1][0]['result'][0]['id']"},
    "body": {"type": "TXT", "name": "new", "content": "text"},
}
ANSWER = {"answer": "a[1][0]['result'][0]['plan']['name']"}
RECORDS = "/zones/«identifier('zone', 'example.net')»/dns_records?name=new.example.net"


class FakeApproach:
    name = "raw"
    title = "Fake"
    requires = ()

    def __init__(self, definitions=DEFINITIONS):
        self.definitions = definitions
        self.calls = []

    @asynccontextmanager
    async def open(self, document, base_url):
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(headers=headers) as client:
            yield FakeSession(self, client, base_url)


class FakeSession:
    prompt = ""
    tools = ()

    def __init__(self, approach, client, base_url):
        self.approach = approach
        self.definitions = self.definitions_as_sent = approach.definitions
        self.client = client
        self.base_url = base_url

    async def call(self, tool, arguments):
        reply = await self.client.request(
            arguments["method"],
            self.base_url + arguments["path"],
            params=arguments.get("query"),
            json=arguments.get("body"),
        )
        answer = Answer(reply.text, is_error=reply.is_error)
        self.approach.calls.append((compact({"name": tool, "arguments": arguments}), answer.text))
        return answer


@pytest.fixture
def task(tmp_path):
    """Write and load a task whose classic solution has the given turns."""

    def make(turns, answer="Pro Website", **more):
        other = [{"answer": "a"}]
        solutions = dict.fromkeys(("cli", "fastmcp-code-mode", "pymode"), other)
        solutions |= {"classic": turns, "tool-search": {"search": ["x"]}}
        goal = "Which plan has example.net?"
        file = {"title": "T", "kind": "join", "goal": goal, "answer": answer}
        path = tmp_path / "01-t.yaml"
        path.write_text(yaml.safe_dump({**file, **more, "solutions": solutions}))
        return load_task(path)

    return make


async def test_the_tokens_of_a_run_add_up_exactly(task):
    approach = FakeApproach()
    run = await play(task([ZONES, CREATE, ANSWER], writes=1), approach, core())
    assert run.why == ""
    (first, zones), (second, record) = approach.calls
    start = count(DEFINITIONS) + count("Which plan has example.net?")
    reads = [
        start,
        start + count(first) + count(zones),
        start + count(first) + count(zones) + count(second) + count(record),
    ]
    writes = [count(first), count(second), count('"Pro Website"')]
    figures = run.figures()
    assert figures["read"] == sum(reads)
    assert figures["written"] == sum(writes)
    assert figures["tokens"] == sum(reads) + sum(writes)
    assert figures["tokens_without_definitions"] == figures["tokens"] - 3 * count(DEFINITIONS)
    assert figures["largest_context"] == reads[-1] + writes[-1]
    assert (figures["turns"], figures["requests"], figures["ok"]) == (3, 2, True)


async def test_parallel_calls_are_one_turn(task):
    run = await play(task([{"calls": [ZONES, ZONES]}, ANSWER]), FakeApproach(), core())
    assert run.why == ""
    assert (len(run.turns), run.requests) == (2, 2)


async def test_a_call_for_each_item_is_one_turn(task):
    each = {"each": "['example.net', 'example.org']", **ZONES, "query": {"name": "=item"}}
    answer = {"answer": "a[1][0]['result'][0]['plan']['name'] if len(a[1]) == 2 else None"}
    run = await play(task([each, answer]), FakeApproach(), core())
    assert run.why == ""


async def test_a_wrong_answer_disqualifies(task):
    run = await play(task([ZONES, ANSWER], answer="Free Website"), FakeApproach(), core())
    assert 'the answer is "Pro Website", not "Free Website"' in run.why
    assert run.figures()["ok"] is False


async def test_an_extra_write_disqualifies(task):
    run = await play(task([ZONES, CREATE, ANSWER]), FakeApproach(), core())
    assert run.why.endswith("1 writes succeeded, not 0")


async def test_a_write_that_failed_is_no_write(task):
    refused = {**CREATE, "body": {"type": "no type", "name": "x", "content": "x"}}
    run = await play(task([ZONES, refused, ANSWER]), FakeApproach(), core())
    assert run.why == ""


@pytest.mark.parametrize(("content", "holds"), [("text", True), ("other", False)])
async def test_a_wrong_state_disqualifies(task, content, holds):
    final = [
        {"get": RECORDS, "select": "result", "count": True, "is": 1},
        {"get": RECORDS, "select": "result[0].content", "is": content},
    ]
    run = await play(task([ZONES, CREATE, ANSWER], writes=1, final=final), FakeApproach(), core())
    assert (run.why == "") is holds


async def test_an_id_that_was_never_read_is_refused(task):
    guessed = {**CREATE, "path": {"zone_id": identifier("zone", "example.net")}}
    run = await play(task([guessed, ANSWER]), FakeApproach(), core())
    assert "the id 56a17e27dddfa4ce71a5c761d3bad2f1 was used before it was read" in run.why
    assert run.requests == 0


async def test_an_operation_that_was_never_read_is_refused(task):
    settings = {"request": "GET /zones/{zone_id}/settings", "path": CREATE["path"]}
    run = await play(task([ZONES, settings, ANSWER]), FakeApproach(), core())
    assert "the operation GET /zones/{zone_id}/settings was used before it was read" in run.why


async def test_a_parameter_that_was_never_read_is_refused(task):
    paged = {"request": "GET /zones", "query": {"per_page": 50}}
    run = await play(task([paged, ANSWER]), FakeApproach(), core())
    assert "the name 'per_page' was used before it was read" in run.why


async def test_a_solution_that_breaks_is_a_run_that_does_not_count(task):
    run = await play(task([ZONES, {"answer": "a[7]"}]), FakeApproach(), core())
    assert run.why == "turn 1: IndexError: list index out of range"


async def test_any_order_is_for_the_list_and_not_for_its_items(task):
    turns = [ZONES, {"answer": "[[2, 1], a[1][0]['success']]"}]
    right, wrong = [True, [2, 1]], [True, [1, 2]]
    for answer, holds in ((right, True), (wrong, False)):
        run = await play(task(turns, answer=answer, order="any"), FakeApproach(), core())
        assert (run.why == "") is holds


async def test_one_is_not_true(task):
    run = await play(
        task([ZONES, {"answer": "a[1][0]['success']"}], answer=1), FakeApproach(), core()
    )
    assert run.why.endswith("the answer is true, not 1")


def test_tools_must_have_been_found_before_they_are_called():
    honesty = Honesty("tool-search", core())
    call = Written("call_tool", {"name": "zones_get", "arguments": {"name": "example.com"}})
    honesty.check_calls([call], 'found "zones_get" with "name"')
    with pytest.raises(Unread, match="zones_get"):
        honesty.check_calls([call], 'found "zones_get_all" with "name"')


def test_commands_options_and_selected_fields_must_have_been_read():
    honesty = Honesty("cli", core())
    call = Written("bash", {"command": "api zone list --status x --query 'result[].{n: plan}'"})
    honesty.check_calls([call], "zone list --status --query plan")
    for text in ("zone --status --query plan", "zone list --query plan", "zone list --status x"):
        with pytest.raises(Unread):
            honesty.check_calls([call], text)


def test_fields_are_found_in_code_as_models_write_it():
    code = 'r = await api.request("GET", "/x", query={"a": 1})\nreturn r["b"].get("c"), {"d": 1}'
    assert sorted(fields_in(code)) == ["a", "b", "c"]


def test_a_fixed_segment_wins_over_a_parameter():
    honesty = Honesty("raw", core())
    request = {"method": "GET", "path": "/client/v4/zones/1/dns_records/export"}
    assert honesty.operation_of(request) == "GET /zones/{zone_id}/dns_records/export"


def test_names_of_tools_are_those_that_fastmcp_gives():
    fastmcp = pytest.importorskip("fastmcp", reason="compares with the names of a real server")
    httpx2 = pytest.importorskip("httpx2", reason="the client that FastMCP takes")
    names = {}
    fastmcp.FastMCP.from_openapi(
        core().data,
        client=httpx2.AsyncClient(base_url="http://127.0.0.1:1"),
        mcp_component_fn=lambda route, tool: names.update(
            {f"{route.method} {route.path}": tool.name}
        ),
    )
    assert tool_names(core()) == names


def test_templates_and_expressions_are_filled_from_what_was_read():
    tools = [{"name": "bash", "inputSchema": {"required": ["command"]}}]
    writer = Writer("cli", core(), tools)
    writer.known["a"].append([{"id": 7}])
    filled = writer.fill({"x": "id «a[1][0]['id']»\n", "y": "=a[1][0]['id'] + item", "z": [1]}, 3)
    assert filled == {"x": "id 7", "y": 10, "z": [1]}
    assert writer.only_argument("bash") == "command"


def test_a_dotted_path_leads_through_lists():
    assert select({"result": [{"a": {"b": 1}}]}, "result[0].a.b") == 1


def test_runs_that_failed_count_for_nothing_in_the_summary():
    good = dict.fromkeys(
        ("tokens", "tokens_without_definitions", "turns", "requests", "largest_context"), 3
    )
    bad = dict.fromkeys(good, 100)
    summary = summarise([{**good, "ok": True}, {**bad, "ok": False}])
    assert (summary["solved"], summary["of"], summary["tokens_total"]) == (1, 2, 3)
    assert summarise([{**bad, "ok": False}])["tokens_median"] is None
