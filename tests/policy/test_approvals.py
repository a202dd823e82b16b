import json

import pytest
from run_of_one import make_action

from pymode.apis.request import read
from pymode.errors import ApprovalError, RuleRefused
from pymode.log import Database
from pymode.log.approvals import Approvals
from pymode.policy.action import Request
from pymode.policy.approvals import APPROVAL_SECONDS, Answer, ApprovalGate, Question
from pymode.policy.masking import mask, mask_text
from pymode.policy.questions import MAX_BODY_CHARS, ask_about_request, show

pytestmark = pytest.mark.anyio

QUESTION = Question("DELETE", "/zones/1", "/zones/{zone_id}", None, "Delete Zone", "", "writes")
SECRET_NAMES = ["token", "api_token", "apiToken", "secret", "client_secret", "password", "key"]
SECRET_NAMES += ["private_key", "privateKey", "authorization", "Authorization", "x-auth-key"]
ZONE = "023e105f4ecef8ad9ca31a8372d0c353"


class Clock:
    def __init__(self):
        self.seconds = 1e9

    def __call__(self):
        return self.seconds


class Asking:
    """Answers always the same."""

    def __init__(self, answer):
        self.answer = answer

    async def ask(self, question, digest):
        return self.answer


class Described:
    path = "/zones/{zone_id}/dns_records"
    operation_id = "dns-records-create"
    summary = "Create DNS Record"


def describe(request, operation=None):
    return ask_about_request(make_action(request, operation=operation, held_by="writes"))


def ask_about(body, *, path=f"/zones/{ZONE}/dns_records", operation=Described, **more):
    head = {"method": "POST", "path": path, "body": "text", "content_type": "application/json"}
    payload = f"{json.dumps(head | more)}\n{body if isinstance(body, str) else json.dumps(body)}"
    return describe(read(payload, 10**8), operation)


# The gate


@pytest.mark.parametrize(
    ("answer", "how"),
    [(Answer.APPROVE, "approved"), (Answer.APPROVE_ALL, "approved all of DELETE /zones/{zone_id}")],
)
async def test_an_approved_request_passes_and_says_how(answer, how):
    assert await ApprovalGate(Asking(answer)).admit(QUESTION, "d") == how


async def test_a_refused_request_says_that_nothing_was_sent():
    with pytest.raises(RuleRefused, match="the person refused DELETE /zones/1; nothing was"):
        await ApprovalGate(Asking(Answer.REFUSE)).admit(QUESTION, "d")


async def test_where_nobody_can_be_asked_and_nothing_is_kept_it_is_refused():
    with pytest.raises(RuleRefused, match="nobody can be asked here"):
        await ApprovalGate().admit(QUESTION, "d")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(clock):
    database = Database(None, clock=clock)
    await database.open()
    yield Approvals(database)
    await database.close()


async def test_an_approval_by_id_holds_once_for_one_request_of_one_owner(store):
    mine, other = ApprovalGate(None, store, "me"), ApprovalGate(None, store, "other")
    with pytest.raises(RuleRefused, match=r"pymode approve [0-9a-f]{8}"):
        await mine.admit(QUESTION, "d")
    [identifier] = await store.waiting()
    assert (await store.approve(identifier)) == QUESTION
    for gate, digest in ((other, "d"), (mine, "e")):
        with pytest.raises(RuleRefused):
            await gate.admit(QUESTION, digest)
    assert await mine.admit(QUESTION, "d") == f"approved by id {identifier}"
    with pytest.raises(RuleRefused):
        await mine.admit(QUESTION, "d")


async def test_the_same_request_waits_once_and_expires(store, clock):
    first = await store.add(QUESTION, "d", "me")
    assert await store.add(QUESTION, "d", "me") == first
    assert await store.add(QUESTION, "d", "other") != first
    await store.approve(first)
    assert first not in await store.waiting()
    clock.seconds += APPROVAL_SECONDS + 1
    assert await store.take("d", "me") is None
    with pytest.raises(ApprovalError, match="may have expired"):
        await store.approve(first)


# What a person reads


def test_a_question_shows_method_path_operation_and_body():
    question = ask_about({"type": "A", "name": "www"}, query=[["dry", "1"], ["api_key", "x"]])
    shown = show(question)
    assert f"POST /zones/{ZONE}/dns_records?dry=1&api_key=[masked]" in shown
    assert "Create DNS Record (dns-records-create)" in shown
    assert '"name": "www"' in shown
    assert "held by writes" in shown
    assert question.kind == "POST /zones/{zone_id}/dns_records"


def test_without_an_operation_all_of_it_means_the_same_path():
    question = ask_about({}, operation=None)
    assert question.kind == f"POST /zones/{ZONE}/dns_records"
    assert "does not have" in show(question)


@pytest.mark.parametrize("path", [f"/zones/{ZONE}%2Fdns_records", "/zones/../dns_records", "/a//b"])
def test_all_of_an_operation_never_covers_a_path_that_can_be_read_in_two_ways(path):
    kind, other = (ask_about(body, path=path).kind for body in ({}, {"other": 1}))
    assert kind.startswith(f"POST {path} ")
    assert kind != other


def test_all_of_an_operation_of_graphql_covers_no_other_query_string():
    first, other = (
        ask_about("", path="/graphql", operation=None, query=[["query", query]]).kind
        for query in ("mutation { a }", "mutation { b }")
    )
    assert first != other


def test_all_of_an_operation_of_graphql_covers_the_same_document_only():
    first, same, other = (
        ask_about({"query": query}, path="/graphql", operation=None).kind
        for query in ("mutation { a }", "mutation { a }", "mutation { b }")
    )
    assert first == same != other


@pytest.mark.parametrize("key", SECRET_NAMES)
def test_values_under_secret_names_are_masked(key):
    masked = mask({"outer": [{key: "hunter2", "name": "kept"}]})
    assert masked == {"outer": [{key: "[masked]", "name": "kept"}]}


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abcdefgh12345678",
        "v1.0-e24fd090c02efcfecb4de8f4ff246fd5c76b48946fdf0ce26c59f91d90d90797-cfa33fe60",
        "8M7wS6hCpXVc-DoRnPPY_UCWPgy8aea4Wy6kCe5T",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYq2",
        "144c9defac04969c7bfad8efaa8ea194a1b2c",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret):
    assert secret not in mask_text(f"a {secret} b")
    assert "[masked]" in mask_text(f"a {secret} b")


@pytest.mark.parametrize(
    "text",
    [
        ZONE,
        "550e8400-e29b-41d4-a716-446655440000",
        "my-long-worker-name-for-the-production-environment",
        f"/zones/{ZONE}/dns_records/{ZONE}",
        "https://example.com/some/long/path/of-several-words/index.html",
        "2026-01-01T00:00:00.000000+00:00",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    ],
)
def test_identifiers_names_and_addresses_stay_readable(text):
    assert mask_text(text) == text


def test_a_question_cannot_dress_up_as_something_else():
    question = ask_about("plain \x1b[2J\u202e text\nPOST /other", path="/zones/1\n\x1b[31m/x")
    shown = show(question)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\nPOST /other" not in shown
    assert shown.startswith("POST /zones/1\\n\\x1b[31m/x\n")


def test_a_long_body_is_cut_and_says_so():
    question = ask_about({"text": "many words " * 10_000})
    assert len(question.body_text) < MAX_BODY_CHARS + 100
    assert "more characters are not shown" in question.body_text


def test_a_long_text_is_cut_at_the_number_of_characters_that_it_says():
    text = "plain words, " * 23_077
    question = ask_about(text)
    shown, _, told = question.body_text.partition("\n… ")
    assert len(shown) == MAX_BODY_CHARS
    assert told == f"{len(text) - MAX_BODY_CHARS:,} more characters are not shown"


@pytest.mark.parametrize("start", ["", "a", "ab"])
def test_a_long_text_in_another_script_is_no_binary_data(start):
    """It is cut where a character may begin or not."""
    question = ask_about(start + "文" * 300_000)
    assert question.body_text.startswith(start + "文文")
    assert "binary" not in question.body_text


def test_deep_and_binary_bodies_are_described_in_bounded_words():
    assert ask_about("[" * 100_000).body_text.startswith("[[")
    request = Request("PUT", "/x", (), {"if-match": "v1", "x-token": "t"}, b"\xff\x00")
    shown = show(describe(request))
    assert "if-match: v1" in shown
    assert "x-token: [masked]" in shown
    assert "2 bytes of binary data" in shown
    files = [("worker", ("a.js", b"export default {}", "text/javascript"))]
    request = Request("PUT", "/x", files=files)
    assert "file worker (a.js, text/javascript), 17 bytes" in show(describe(request))
