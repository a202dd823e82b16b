"""Approvals through real clients of both eras, the real sandbox, a simulated API.

What was sent is read from the API's own record, in another process.
"""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr

from pymode.call.journal import Paused
from pymode.codemode import CodeMode
from pymode.errors import ReplayDiverged
from pymode.http.address import ListenAddress
from pymode.limits import Limits
from pymode.policy.approvals import Answer
from pymode.policy.rules import Rules
from pymode.server import make_server
from pymode.server.listening import serve_http
from pymode.simulator import running

pytestmark = pytest.mark.anyio

TOKEN = "simulated-approvals"
ERAS = ("auto", "legacy")
PATIENCE_SECONDS = 60

READ_AND_WRITE = """
async def run():
    zones = await cloudflare.request("GET", "/zones", query={"per_page": 5})
    zone = zones["result"][0]["id"]
    body = {"type": "A", "name": "NAME", "content": "192.0.2.9", "comment": account_id[:4]}
    created = await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    return created["result"]["content"]
"""
GATHER = """
import asyncio

async def run():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    async def make(number):
        body = {"type": "A", "name": f"NAME{number}", "content": f"192.0.2.{number}"}
        try:
            await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
        except CloudflareError as error:
            return str(error)
        return number
    async def look(number):
        return (await cloudflare.request("GET", "/zones", query={"page": number}))["status"]
    return await asyncio.gather(*map(make, range(1, 5)), *map(look, range(1, 4)))
"""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def base_url():
    with running() as url:
        yield url


@pytest.fixture(scope="module")
async def code_mode(base_url, tmp_path_factory):
    async with CodeMode(
        "cloudflare",
        base_url=base_url,
        workers=2,
        limits=Limits(wall_seconds=20),
        rules=Rules.parse(approve=["writes"]),
        log=tmp_path_factory.mktemp("log") / "log.sqlite3",
    ) as prepared:
        await prepared.prepare()
        yield prepared


@pytest.fixture
async def api(base_url):
    async with httpx2.AsyncClient(trust_env=False) as http:
        await http.delete(f"{base_url}/simulator/requests")
        yield Api(http, base_url)


class Api:
    def __init__(self, http, base_url):
        self.http, self.base_url = http, base_url

    async def requests(self):
        answer = (await self.http.get(f"{self.base_url}/simulator/requests")).json()
        return [
            f"{each['method']} {each['path'].partition('/client/v4')[2]} {each['query']}".strip()
            for each in answer["result"]
        ]

    async def writes(self):
        return [line for line in await self.requests() if not line.startswith("GET")]


class Person:
    """Answers by its list, then approves; remembers what it was asked."""

    def __init__(self, *decisions):
        self.decisions = list(decisions)
        self.messages = []

    async def answer(self, _, params):
        self.messages.append(params.message)
        decision = self.decisions.pop(0) if self.decisions else "approve"
        if decision in ("decline", "cancel"):
            return types.ElicitResult(action=decision)
        return types.ElicitResult(action="accept", content={"decision": decision})


class Ready:
    """Stands for `Preparation`: all these servers share one sandbox, which outlives them."""

    async def open(self):
        pass

    async def wait(self, report):
        pass

    async def aclose(self):
        pass


def serve(code_mode):
    return make_server(
        code_mode,
        token=SecretStr(TOKEN),
        preparation=Ready(),
    )


@pytest.fixture(scope="module")
async def http_url(code_mode):
    url = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_http(
            serve(code_mode),
            ListenAddress.parse("127.0.0.1:0"),
            source_bytes=Limits().source_bytes,
            drain_seconds=1.0,
            announce=url.set_result,
        )
    )
    yield await url
    serving.cancel()
    await asyncio.wait({serving})


@asynccontextmanager
async def in_process(code_mode, person, era, _=None):
    answer = person and person.answer
    async with Client(serve(code_mode), mode=era, elicitation_callback=answer) as client:
        yield client


@asynccontextmanager
async def over_http(_, person, era, http_url):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=60) as http:
        transport = streamable_http_client(http_url, http_client=http)
        async with Client(transport, mode=era, elicitation_callback=person.answer) as client:
            yield client


def text_of(result):
    return "\n".join(block.text for block in result.content)


def value_of(result):
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


async def execute(client, code):
    with anyio.fail_after(PATIENCE_SECONDS):
        return await client.call_tool("execute", {"code": code})


@pytest.mark.parametrize("connect", [in_process, over_http])
@pytest.mark.parametrize("era", ERAS)
async def test_an_approved_write_is_sent_once_and_no_read_twice(
    code_mode, http_url, api, era, connect
):
    person = Person("approve")
    async with connect(code_mode, person, era, http_url) as client:
        code = READ_AND_WRITE.replace("NAME", f"once-{era}-{connect.__name__}".replace("_", "-"))
        assert value_of(await execute(client, code)) == "192.0.2.9"
    sent = await api.requests()
    assert len(sent) == len(set(sent))
    assert len(await api.writes()) == 1
    [message] = person.messages
    assert re.search(r"POST /zones/[0-9a-f]{32}/dns_records", message)
    assert '"content": "192.0.2.9"' in message


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("decision", ["refuse", "decline", "cancel", "nonsense"])
async def test_a_refused_write_is_never_sent_and_the_code_may_catch_it(
    code_mode, api, era, decision
):
    code = """
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    for _ in range(3):
        try:
            await cloudflare.request("DELETE", f"/zones/{zone}")
        except CloudflareError as error:
            print(error, error.errors[0]["code"])
    return "went on"
    """
    person = Person(decision)
    async with in_process(code_mode, person, era) as client:
        result = await execute(client, code)
    assert value_of(result) == "went on"
    assert text_of(result).count("the person refused DELETE") == 3
    assert "nothing was sent rule" in text_of(result)
    assert len(person.messages) == 1
    assert await api.requests() == ["GET /zones"]


@pytest.mark.parametrize("era", ERAS)
async def test_requests_of_one_moment_are_asked_about_together(code_mode, api, era):
    person = Person("approve", "refuse", "approve", "refuse")
    async with in_process(code_mode, person, era) as client:
        value = value_of(await execute(client, GATHER.replace("NAME", f"together-{era}-")))
    assert len(person.messages) == 4
    assert sum(isinstance(each, int) for each in value[:4]) == 2
    assert sum("refused" in str(each) for each in value[:4]) == 2
    assert value[4:] == [200, 200, 200]
    sent = await api.requests()
    assert len(sent) == 1 + 2 + 3
    assert len(await api.writes()) == 2


@pytest.mark.parametrize("era", ERAS)
async def test_approving_all_of_an_operation_asks_once_for_it_and_again_in_the_next_call(
    code_mode, api, era
):
    code = """
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    for number in range(5):
        body = {"type": "A", "name": f"NAME{number}", "content": f"192.0.2.{number}"}
        await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    await cloudflare.request("POST", f"/zones/{zone}/purge_cache", body={"purge_everything": True})
    return "done"
    """
    person = Person("approve all", "approve")
    async with in_process(code_mode, person, era) as client:
        assert value_of(await execute(client, code.replace("NAME", f"all-{era}-"))) == "done"
        assert len(person.messages) == 2
        assert len(await api.writes()) == 6
        await execute(client, code.replace("NAME", f"again-{era}-"))
        assert len(person.messages) > 2
    assert (await api.requests()).count("GET /zones") == 2


@pytest.mark.parametrize("era", ERAS)
async def test_time_and_chance_repeat_so_that_the_approved_request_is_the_one_that_is_sent(
    code_mode, api, era
):
    code = """
    import datetime, random, secrets, time, uuid, asyncio
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    await asyncio.sleep(0.02)
    comment = f"{uuid.uuid4()} {random.random()} {secrets.token_hex(4)} {time.time()}"
    body = {"type": "A", "name": f"n{uuid.uuid4().hex}", "content": "192.0.2.7"}
    body["comment"] = comment + datetime.datetime.now().isoformat()
    for _ in range(2):
        body["name"] += "x"
        await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    return comment
    """
    person = Person()
    async with in_process(code_mode, person, era) as client:
        comments = [value_of(await execute(client, code)) for _ in range(2)]
    assert comments[0] != comments[1]
    assert len(person.messages) == 4
    assert comments[0] in person.messages[0]
    assert comments[0] in person.messages[1]
    assert len(await api.writes()) == 4


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cannot_ask_gets_an_id_to_approve(code_mode, api, era):
    code = READ_AND_WRITE.replace("NAME", f"by-id-{era}")
    async with in_process(code_mode, None, era) as client:
        refused = await execute(client, code)
        assert refused.is_error
        identifier = re.search(r"pymode approve ([0-9a-f]+)", text_of(refused))[1]
        assert not await api.writes()
        await code_mode._shared.approvals.approve(identifier)
        assert value_of(await execute(client, code)) == "192.0.2.9"
        assert (await execute(client, code)).is_error
    assert len(await api.writes()) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_a_write_on_its_way_while_another_waits_is_sent_once(code_mode, api, era):
    code = """
    import asyncio
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    def make(number):
        body = {"type": "A", "name": f"NAME{number}", "content": "192.0.2.1"}
        return cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    await make(0)
    purge = cloudflare.request("POST", f"/zones/{zone}/purge_cache", body={"hosts": ["a.example"]})
    done = await asyncio.gather(make(1), purge, make(2))
    return [each["status"] for each in done]
    """
    person = Person("approve all")
    async with in_process(code_mode, person, era) as client:
        value = value_of(await execute(client, code.replace("NAME", f"on-its-way-{era}-")))
    assert value == [200, 200, 200]
    assert len(person.messages) == 2
    assert len(await api.writes()) == 4


async def paused_call(client, code):
    arguments = {"code": code}
    first = await client.session.call_tool("execute", arguments, allow_input_required=True)
    assert isinstance(first, types.InputRequiredResult), first
    return first


def approve(first):
    yes = types.ElicitResult(action="accept", content={"decision": "approve"})
    return dict.fromkeys(first.input_requests, yes)


async def resume(client, code, first, *, state=None):
    return await client.session.call_tool(
        "execute",
        {"code": code},
        input_responses=approve(first),
        request_state=state or first.request_state,
        allow_input_required=True,
    )


async def test_an_answer_that_comes_twice_sends_nothing_the_second_time(code_mode, api):
    code = READ_AND_WRITE.replace("NAME", "twice")
    async with in_process(code_mode, Person(), "auto") as client:
        first = await paused_call(client, code)
        assert not await api.writes()
        both = await asyncio.gather(*(resume(client, code, first) for _ in range(2)))
    good, bad = sorted(both, key=lambda result: bool(result.is_error))
    assert value_of(good) == "192.0.2.9"
    assert "used already" in text_of(bad)
    sent = await api.requests()
    assert len(sent) == len(set(sent)) == 2


async def test_a_journal_that_was_tampered_with_sends_nothing(code_mode, api):
    code = READ_AND_WRITE.replace("NAME", "tampered")
    async with in_process(code_mode, Person(), "auto") as client:
        first = await paused_call(client, code)
        before = await api.requests()
        state = first.request_state
        middle = len(state) // 2
        flipped = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
        for bad in (flipped, state[:-4], state + "AAAA", "v1.", "nonsense", "é"):
            result = await resume(client, code, first, state=bad)
            assert result.is_error
            assert "damaged" in text_of(result)
        other = await resume(client, code + "\n# other", first)
        assert "another code" in text_of(other)
        assert await api.requests() == before
        assert value_of(await resume(client, code, first)) == "192.0.2.9"


async def test_a_state_of_another_server_or_token_sends_nothing(code_mode, api):
    code = READ_AND_WRITE.replace("NAME", "elsewhere")
    async with (
        in_process(code_mode, Person(), "auto") as client,
        in_process(code_mode, Person(), "auto") as other,
    ):
        first = await paused_call(client, code)
        assert "another server" in text_of(await resume(other, code, first))
    assert not await api.writes()


async def test_a_replay_that_diverges_sends_nothing(code_mode, api):
    """perf_counter is the one clock that a replay does not repeat."""
    code = """
    import time
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    name = f"{time.perf_counter_ns()}.example"
    await cloudflare.request("GET", "/zones", query={"name": name})
    return await cloudflare.request("DELETE", f"/zones/{zone}")
    """
    for era in ERAS:
        async with in_process(code_mode, Person(), era) as client:
            result = await execute(client, code)
        assert result.is_error
        assert "did not repeat" in text_of(result)
        assert "GET /zones" in text_of(result)
    sent = await api.requests()
    assert not await api.writes()
    assert len(sent) == 2 * 2


async def test_code_that_ends_before_its_journal_is_used_up_is_a_divergence(code_mode, api):
    class Impatient:
        async def ask(self, paused):
            paused.journal.entries.append(paused.journal.entries[-1])
            return [Answer.APPROVE] * len(paused.asked)

    code = """
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    await cloudflare.request("DELETE", f"/zones/{zone}")
    """
    with pytest.raises(ReplayDiverged, match="left out 1 of 2"):
        await code_mode.execute(code, token=TOKEN, approver=Impatient())
    assert await api.requests() == ["GET /zones"]


async def test_the_worker_of_a_paused_call_goes_on_to_serve(code_mode):
    class Later:
        async def ask(self, paused):
            raise paused

    before = sorted(code_mode.pool.pids)
    with pytest.raises(Paused, match="DELETE /zones/1"):
        await code_mode.execute(
            'await cloudflare.request("DELETE", "/zones/1")', token=TOKEN, approver=Later()
        )
    assert sorted(code_mode.pool.pids) == before
    assert (await code_mode.search("return 1")).value == 1


class Later:
    """Cannot ask now: the call pauses."""

    async def ask(self, paused):
        raise paused


async def test_a_call_that_goes_on_sends_nothing_twice_whoever_can_be_asked(code_mode, api):
    code = """
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    for name in ("on-1", "on-2"):
        body = {"type": "A", "name": name, "content": "192.0.2.1"}
        await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    return "done"
    """
    with pytest.raises(Paused) as first:
        await code_mode.execute(code, token=TOKEN, approver=Later())
    first.value.journal.settle([Answer.APPROVE])
    with pytest.raises(Paused) as second:
        await code_mode.execute(code, token=TOKEN, journal=first.value.journal)
    assert len(await api.writes()) == 1
    second.value.journal.settle([Answer.APPROVE])
    result = await code_mode.execute(code, token=TOKEN, journal=second.value.journal)
    assert result.value == "done"
    assert len(await api.writes()) == 2


async def test_one_approval_is_for_one_sending_of_a_request(code_mode, api):
    code = """
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    purge = f"/zones/{zone}/purge_cache"
    for body in ({"files": ["https://example.com/1"]}, {"files": ["https://example.com/2"]},
                 {"files": ["https://example.com/1"]}):
        await cloudflare.request("POST", purge, body=body)
    return "done"
    """
    asked = []

    class Person:
        async def ask(self, paused):
            asked.extend(paused.asked)
            return [Answer.APPROVE] * len(paused.asked)

    assert (await code_mode.execute(code, token=TOKEN, approver=Person())).value == "done"
    assert len(asked) == 3
    assert len(await api.writes()) == 3
