"""A guest that replaces its own driver: whatever it says, the host reads it with suspicion."""

from __future__ import annotations

import json

import pytest
from attacks import fail, reach

from pymode.errors import (
    CodeError,
    CodeRaised,
    LimitExceeded,
    PymodeError,
    ResultRejected,
    SandboxError,
)

pytestmark = pytest.mark.anyio

# The outcome is written where the driver writes its own.
FORGE = """
def forge(outcome):
    driver.protocol.write_value = lambda *_: outcome
"""

OK = '{"ok": true, "notes": []}\\n'

NONSENSE = {
    "nothing": "''",
    "no JSON": "'hello'",
    "a list": "'[1]\\n2'",
    "a number": "'1\\n2'",
    "null": "'null\\nnull'",
    "a deep head": "'[' * 100_000 + '\\n1'",
    "a head of 5 MB": "'[' + '1,' * 2_500_000 + '1]\\n1'",
    "a deep value": f"'{OK}' + '[' * 100_000",
    "a value of 900 levels": f"'{OK}' + '[' * 900 + ']' * 900",
    "a value of 300 levels": f"""'{OK}' + '{{"a":' * 300 + '1' + '}}' * 300""",
    "no number": f"'{OK}' + 'NaN'",
    "infinity": f"'{OK}' + '-Infinity'",
    "infinity in digits": f"'{OK}' + '[1e999]'",
    "a long integer": f"'{OK}' + '1' * 5000",
    "half a pair": f"""'{OK}' + '["' + chr(92) + 'ud800"]'""",
    "half a pair in capitals": f"""'{OK}' + '["' + chr(92) + 'uDFFF"]'""",
    "two values": f"'{OK}' + '1 2'",
    "an open text": f"""'{OK}' + '"x'""",
    "an error that is a list": """'{"error": [], "message": []}\\n'""",
    "an error that is a dict": """'{"error": {}, "limit": {}, "message": {"a": 1}}\\n'""",
    "an error without a message": """'{"error": "raised"}\\n'""",
    "a message of 900 levels": """'{"error": "x", "message":' + '[' * 900 + ']' * 900 + '}\\n'""",
    "a message with half a pair": """'{"error": "raised", "message": "' + chr(92) + 'ud800"}\\n'""",
    "a limit that is none": """'{"error": "limit", "limit": "__class__", "message": "m"}\\n'""",
    "a limit that has no error": """'{"error": "limit", "limit": "source_bytes"}\\n'""",
    "ok, but not true": """'{"ok": 1}\\n1'""",
}


@pytest.mark.parametrize("outcome", NONSENSE)
async def test_a_forged_outcome_is_an_error(cell, outcome):
    """It is one of pymode's own errors, its text has a UTF-8 form, and it costs no worker."""
    pids = cell.pool.pids
    with pytest.raises(PymodeError) as caught:
        await cell.search(FORGE + reach(f"forge({NONSENSE[outcome]})"))
    assert 0 < len(str(caught.value).encode()) < 30_000
    assert cell.pool.pids == pids


async def test_a_forged_result_can_be_no_more_than_a_result(cell):
    """Who forges an outcome well has written a result."""
    forged = f"""'{OK}' + '{{"a": 1, "a": [2.5, "é"]}}'"""
    result = await cell.search(FORGE + reach(f"forge({forged})"))
    assert result.value == {"a": [2.5, "é"]}
    assert result.fuel > 0


async def test_forged_notes_are_few_and_clean(cell):
    """Notes are texts, at most twenty, and have a UTF-8 form."""
    notes = """'{"ok": true, "notes": ["' + chr(92) + 'ud800", ' + '[[]], ' * 1000 + '1]}\\n1'"""
    result = await cell.search(FORGE + reach(f"forge({notes})"))
    assert len(result.notes) == 20
    json.dumps(result.notes, ensure_ascii=False).encode()
    assert all(isinstance(note, str) for note in result.notes)


@pytest.mark.parametrize("letter", ["x", "\\u00e9"])
async def test_a_huge_outcome_is_over_the_limit_of_results(cell, letter):
    """Counted in bytes; the worker drops it before it reaches the parent."""
    text = f"""'{OK}' + '"' + '{letter}' * 6_000_000 + '"'"""
    error = await fail(cell.search(FORGE + reach(f"forge({text})")))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "result_bytes"
    assert "fewer fields" in str(error)


async def test_a_result_just_over_the_limit_is_refused_by_the_host_too(cell):
    """The guest's own check is patched away here."""
    size = 4 * 2**20
    fits = await cell.search(FORGE + reach(f"""forge('{OK}' + '"' + 'x' * {size - 2} + '"')"""))
    assert len(fits.value) == size - 2
    error = await fail(
        cell.search(FORGE + reach(f"""forge('{OK}' + '"' + 'x' * {size - 1} + '"')"""))
    )
    assert error.limit == "result_bytes"


async def test_a_driver_that_fails_is_an_error(cell):
    """Patched parts that raise, or that answer with other things than text."""
    for patch in (
        "driver.failures = None\nraise ValueError",
        "sys.modules['guest.entry'].PRINTED.flush = None",
        "driver.protocol.write_value = lambda *_: 5",
        "driver.encode = lambda *_: 5",
    ):
        with pytest.raises((CodeRaised, ResultRejected, SandboxError)):
            await cell.search(reach(patch))


async def test_a_flood_of_prints_is_cut(cell):
    """Also past the guest's own count, and in one piece of 30 MB."""
    for flood in (
        "while True: host.print('x' * 1000)",
        "host.print('x' * 30_000_000)",
        "sys.modules['guest.entry'].PRINTED._limit = 10**12\nwhile True: print('x' * 100)",
    ):
        error = await fail(cell.search(reach(flood)))
        assert isinstance(error, LimitExceeded)
        assert error.limit == "printed_chars"
        assert "print less" in str(error)
        assert len(error.logs) <= 200_000


@pytest.mark.parametrize("letter", ["\\U0001F600", "\\x01"])
async def test_everything_that_may_be_printed_arrives(cell, letter):
    """Also where JSON writes a character as twelve."""
    result = await cell.search(reach(f"host.print('{letter}' * 199_000)"))
    assert len(result.logs) == 199_000


async def test_a_flood_of_host_calls_is_ended(cell):
    """A guest that bypasses its queue and its count is stopped by the worker."""
    for method in (cell.search, cell.execute):
        error = await fail(method(reach("while True: host.start('cloudflare', '{}')")))
        assert isinstance(error, LimitExceeded)
        assert error.limit == "host_calls"
        assert "200 requests" in str(error)


async def test_host_calls_past_the_limits_are_refused_one_by_one(cell):
    """The parent counts what is on the way and what there was, whatever the guest thinks."""
    body = """
    for _ in range(250):
        host.start('cloudflare', '')
    replies = []
    while len(replies) < 250:
        replies += [completion.reply for completion in host.wait(1.0)]
    texts = [json.loads(reply.partition("\\n")[0])["error"]["message"] for reply in replies]
    return [sum("in one call" in text for text in texts), sum("at once" in text for text in texts)]
    """
    result = await cell.execute(reach(body))
    assert result.value[0] == 50
    assert result.requests == ()


@pytest.mark.parametrize(
    "call",
    [
        "host.start('cloudflare', 'a' * 20_000_000)",
        "host.start('cloudflare', chr(0x1F600) * 5_000_000)",
    ],
)
async def test_a_request_over_the_limit_is_ended(cell, call):
    """Counted in bytes, and not to be blamed on the worker."""
    error = await fail(cell.execute(reach(call)))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "request_bytes"
    assert "send less" in str(error)


async def test_arguments_of_the_wrong_type_end_the_guest(cell):
    """The bridge takes text and numbers only."""
    for call in (
        "host.start(1, 2)",
        "host.start(chr(0xd800), '')",
        "host.wait('x')",
        "host.print(None)",
        "host.start('x' * 10**6, '')",
    ):
        try:
            await cell.search(reach(call))
        except CodeError as error:
            assert isinstance(error, CodeRaised)  # noqa: PT017 - either is right
    assert (await cell.search("return 1")).value == 1
