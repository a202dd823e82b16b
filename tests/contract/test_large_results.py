"""Large results: kept for who made them, named by the answer, read by the code of the next call."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest
from simulated_api import API, Open

from pymode.call.journal import Paused
from pymode.codemode import CodeMode
from pymode.errors import CodeRaised, LimitExceeded
from pymode.limits import Limits
from pymode.log import Retention
from pymode.policy.approvals import Answer
from pymode.policy.rules import Rules

pytestmark = pytest.mark.anyio

ALICE, BOB = "token-of-alice", "token-of-bob-1"
LARGE = "return {'rows': [{'n': n, 'text': 'word ' * 10} for n in range(2000)], 'ü': [None, 1.5]}"
TOKENS = 1000


async def keep(code_mode: CodeMode, **options: object) -> str:
    """Make a large result and return the name that its answer gives."""
    result = await code_mode.search(LARGE, **options)  # type: ignore[arg-type]
    answer = json.loads(await result.render(TOKENS))
    [name] = re.findall(r'results\["(r_[a-z2-7]{16})"\]', answer["truncated"])
    return str(name)


async def test_the_next_call_reads_a_large_result_without_asking_the_api_again(
    cloudflare: CodeMode, api: API
) -> None:
    code = "return [await cloudflare.request('GET', '/zones', {'per_page': 50})] * 30"
    made = await cloudflare.execute(code)
    name = re.findall("r_[a-z2-7]{16}", await made.render(TOKENS))[0]
    asked = list(api.requests)
    whole = f"return results['{name}']"
    for run in (cloudflare.search, cloudflare.execute):
        assert (await run(whole)).value == made.value
    assert api.requests == asked


async def test_a_result_of_search_is_kept_too(cloudflare: CodeMode) -> None:
    name = await keep(cloudflare)
    code = f"""
whole = results["{name}"]
return [whole["rows"][1999], whole["ü"], "{name}" in results, results.keys()[0]]
"""
    last = {"n": 1999, "text": "word " * 10}
    assert (await cloudflare.search(code)).value == [last, [None, 1.5], True, name]


async def test_an_answer_that_fits_names_nothing(cloudflare: CodeMode) -> None:
    before = await cloudflare.list_results()
    assert await (await cloudflare.search("return 1")).render(TOKENS) == "1"
    assert await cloudflare.list_results() == before


async def test_an_answer_that_is_rendered_twice_is_kept_once(cloudflare: CodeMode) -> None:
    before = len(await cloudflare.list_results())
    result = await cloudflare.search(LARGE)
    for tokens in (TOKENS, 2 * TOKENS):
        await result.render(tokens)
    assert len(await cloudflare.list_results()) == before + 1


async def test_a_result_in_one_call_is_one_host_call_however_often_it_is_read(
    open_code_mode: Open,
) -> None:
    async with open_code_mode(limits=Limits(host_calls=2)) as code_mode:
        names = [await keep(code_mode) for _ in range(3)]
        code = f"return [results['{names[0]}']['rows'][n]['n'] for n in range(100)]"
        assert (await code_mode.search(code)).value == list(range(100))
        with pytest.raises(LimitExceeded) as caught:
            await code_mode.search(f"return [len(results[name]) for name in {names}]")
        assert caught.value.limit == "host_calls"


async def test_a_result_is_read_while_requests_are_on_the_way(open_code_mode: Open) -> None:
    """Also when there are as many of them as there may be; none loses its answer."""
    async with open_code_mode(limits=Limits(host_calls_in_flight=3)) as code_mode:
        name = await keep(code_mode)
        code = f"""
import asyncio
slow = [
    asyncio.create_task(cloudflare.request("GET", "/simulator/slow", {{"seconds": 0.1}}))
    for _ in range(7)
]
await asyncio.sleep(0.02)
whole = results["{name}"]
return [len(whole["rows"]), len([await task for task in slow])]
"""
        assert (await code_mode.execute(code)).value == [2000, 7]


# Whose they are


async def test_another_token_finds_nothing(cloudflare: CodeMode) -> None:
    name = await keep(cloudflare, token=ALICE)
    code = f"return [results.get('{name}', 'none'), '{name}' in results, results.keys()]"
    for run in (cloudflare.search, cloudflare.execute):
        assert (await run(code, token=BOB)).value == ["none", False, []]
    value = (
        await cloudflare.search(f"return ['{name}' in results, results.keys()]", token=ALICE)
    ).value
    assert value == [True, [name]]
    assert await cloudflare.read_result(name, token=BOB) is None
    assert await cloudflare.list_results(token=BOB) == []
    assert await cloudflare.read_result(name, token=ALICE) is not None
    assert [kept.id for kept in await cloudflare.list_results(token=ALICE)] == [name]


async def test_another_server_finds_nothing(open_code_mode: Open, tmp_path: Path) -> None:
    log = tmp_path / "log.sqlite3"
    async with open_code_mode(log=log) as code_mode:
        name = await keep(code_mode)
    async with open_code_mode(log=log, base_url="http://127.0.0.1:9") as elsewhere:
        assert await elsewhere.read_result(name) is None
        assert (await elsewhere.search(f"return results.get('{name}')")).value is None
    async with open_code_mode(log=log, name="other") as renamed:
        assert await renamed.read_result(name) is None


async def test_the_server_of_the_document_is_the_same_whether_it_is_named_or_not(
    open_code_mode: Open, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite3"
    async with open_code_mode(log=log, base_url=None) as code_mode:
        name = await keep(code_mode)
        assert code_mode.image is not None
        base_url = code_mode.image.documents[0].base_url
    async with open_code_mode(log=log, base_url=base_url) as code_mode:
        assert await code_mode.read_result(name) is not None


async def test_a_caller_that_keeps_nothing_reads_nothing(cloudflare: CodeMode) -> None:
    """Such as one without a token over HTTP: it would share what it keeps with all like it."""
    name = await keep(cloudflare)
    result = await cloudflare.search(LARGE, keep=False)
    assert "r_" not in json.loads(await result.render(TOKENS))["truncated"]
    for run in (cloudflare.search, cloudflare.execute):
        with pytest.raises(CodeRaised, match="KeyError: 'this call has no results"):
            await run(f"return results['{name}']", keep=False)
    with pytest.raises(CodeRaised, match="KeyError"):
        await cloudflare.search("return results.keys()", keep=False)


# How long


async def test_a_result_outlives_the_process_that_made_it(
    open_code_mode: Open, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite3"
    async with open_code_mode(log=log) as code_mode:
        name = await keep(code_mode)
    async with open_code_mode(log=log) as code_mode:
        assert (await code_mode.search(f"return len(results['{name}']['rows'])")).value == 2000


async def test_old_results_make_room_for_new_ones(open_code_mode: Open) -> None:
    async with open_code_mode(retention=Retention(total_bytes=600_000)) as code_mode:
        names = [await keep(code_mode) for _ in range(4)]
        code = f"return [name in results for name in {names}]"
        assert (await code_mode.search(code)).value == [False, False, True, True]


async def test_a_result_larger_than_all_room_is_cut_and_named_by_nothing(
    open_code_mode: Open,
) -> None:
    async with open_code_mode(retention=Retention(total_bytes=10_000)) as code_mode:
        result = await code_mode.search(LARGE)
        assert "r_" not in json.loads(await result.render(TOKENS))["truncated"]


async def test_a_result_that_is_larger_than_this_server_allows_is_not_handed_out(
    open_code_mode: Open, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite3"
    async with open_code_mode(log=log) as code_mode:
        name = await keep(code_mode)
    async with open_code_mode(log=log, limits=Limits(result_bytes=50_000)) as code_mode:
        with pytest.raises(CodeRaised, match="larger than the 50,000 bytes allowed here"):
            await code_mode.search(f"return len(results['{name}'])")


async def test_without_a_usable_database_the_answer_is_cut_as_ever(
    open_code_mode: Open, tmp_path: Path
) -> None:
    log = tmp_path / "log.sqlite3"
    async with open_code_mode(log=log) as code_mode:
        name = await keep(code_mode)
        with sqlite3.connect(log) as connection:
            connection.execute("DROP TABLE results")
        connection.close()
        result = await code_mode.search(LARGE)
        assert "r_" not in json.loads(await result.render(TOKENS))["truncated"]
        with pytest.raises(CodeRaised, match="RuntimeError"):
            await code_mode.search(f"return results['{name}']")


# What the code may do with it


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return results['r_aaaaaaaaaaaaaaaa']", "KeyError: 'there is no result r_aaaa"),
        ("return results['x' * 100_000]", "KeyError: 'there is no result of that name"),
        ("return results['\\ud800']", "KeyError: 'there is no result"),
        ("return results[0]", "TypeError: results are read by name"),
        ("results.append(1)", "results has no 'append'"),
        ("return [name for name in results]", "not iterable"),
    ],
)
async def test_a_wrong_use_says_what_is_right(
    cloudflare: CodeMode, code: str, message: str
) -> None:
    with pytest.raises(CodeRaised) as caught:
        await cloudflare.search(code)
    assert message in str(caught.value)


async def test_a_name_of_the_code_wins_over_the_one_in_scope(cloudflare: CodeMode) -> None:
    for code in (
        "results = []\nresults.append(1)\nreturn results",
        "results = [1]\ndef main():\n    return results",
        "def main(results=(1,)):\n    return results",
    ):
        assert (await cloudflare.search(code)).value == [1]


async def test_a_token_in_a_result_is_not_kept(cloudflare: CodeMode) -> None:
    """The code can only hold it because somebody wrote it there."""
    secret = "secret-token-of-someone"
    result = await cloudflare.search(f"return ['{secret}'] * 5000", token=secret)
    [name] = re.findall("r_[a-z2-7]{16}", await result.render(TOKENS))
    kept = await cloudflare.read_result(name, token=secret)
    assert kept is not None
    assert json.loads(kept) == ["[token]"] * 5000


async def test_a_call_that_pauses_reads_the_same_result_again(open_code_mode: Open) -> None:
    """A kept result is no part of the journal, which may leave the process."""
    async with open_code_mode(rules=Rules.parse(approve=["writes"])) as code_mode:
        name = await keep(code_mode)
        code = f"""
rows = len(results["{name}"]["rows"])
reply = await cloudflare.request("POST", "/simulator/echo", body={{"rows": rows}})
return [rows, reply["result"]["method"], len(results["{name}"]["rows"])]
"""

        class Approver:
            async def ask(self, paused: Paused) -> list[Answer]:
                assert all("word" not in entry.reply for entry in paused.journal.entries)
                return [Answer.APPROVE for _ in paused.journal.asked]

        result = await code_mode.execute(code, approver=Approver())
        assert result.value == [2000, "POST", 2000]
