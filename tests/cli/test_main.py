import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from fakes import FakeCodeMode
from paths import TESTS
from small_document import SMALL

from pymode.cli import gateway
from pymode.cli import main as cli
from pymode.cli.code import read_code
from pymode.cli.gateway import read_apis
from pymode.cli.settings import read_settings
from pymode.errors import ConfigError, ImageError, SpecError, WorkerDied


@pytest.fixture
def code_mode(monkeypatch):
    """What the commands run instead of a sandbox; `settings` keeps what they were given."""
    fake = FakeCodeMode()

    def make(settings, workers=None):
        fake.settings = settings
        return fake

    monkeypatch.setattr(gateway, "make_code_mode", make)
    for variable in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "GITHUB_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return fake


@pytest.fixture
def run(capfdbinary):
    """Run a command; the answer has its exit status and what it wrote."""

    def run_command(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        out, err = capfdbinary.readouterr()
        return SimpleNamespace(status=ended.value.code, out=out.decode(), err=err.decode())

    return run_command


def test_search_prints_the_result_alone(run, code_mode):
    ended = run("search", "print")
    assert (ended.status, ended.out) == (0, '"ok"\n')
    assert "hello" in ended.err
    assert "note: NaN became null" in ended.err


def test_execute_has_the_token_and_the_account_of_the_environment(run, code_mode, monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "secret-token")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "023e")
    value = json.loads(run("execute", "echo").out)
    assert (value["token"], value["account_id"]) == ("secret-token", "023e")
    value = json.loads(run("execute", "echo", "--account-id", "9a7b").out)
    assert value["account_id"] == "9a7b"


def test_another_name_has_another_token(run, code_mode, monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "one")
    monkeypatch.setenv("GITHUB_API_TOKEN", "two")
    assert json.loads(run("execute", "echo", "--name", "github").out)["token"] == "two"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("cloudflare", "cloudflare"),
        ("downloads/api.github.com.json", "github"),
        ("https://raw.example/specs/stripe/openapi.json", "stripe"),
    ],
)
def test_the_api_is_named_after_its_document_as_the_spec_names_it(spec, name):
    (api,) = read_apis(read_settings(spec=[spec]))
    (renamed,) = read_apis(read_settings(spec=[spec], name="other"))
    assert (api.name, renamed.name) == (name, "other")


def test_every_option_reaches_the_settings(run, code_mode):
    run(
        *("search", "ok", "--spec", "github.json", "--name", "github", "--timeout", "2.5"),
        *("--base-url", "http://127.0.0.1:1/", "--fuel", "1000", "--memory-mb", "64"),
        *("--max-tokens", "500", "--workers", "3", "--host-calls-in-flight", "4"),
    )
    settings = code_mode.settings
    assert (settings.spec, settings.name) == (("github.json",), "github")
    assert (settings.base_url, settings.workers) == (("http://127.0.0.1:1/",), 3)
    assert (settings.fuel, settings.memory_mb, settings.timeout) == (1000, 64, 2.5)
    assert (settings.max_tokens, settings.host_calls_in_flight) == (500, 4)


def test_rules_reach_the_settings_from_options_that_repeat(run, code_mode):
    run(
        *("execute", "ok", "--read-only", "--deny", "GET /a", "--deny", "tag:dns"),
        *("--allow", "* /**", "--approve", "writes"),
    )
    rules = code_mode.settings.rules
    assert [rule.text for rule in rules.deny] == ["GET /a", "tag:dns"]
    assert [rule.text for rule in (*rules.allow, *rules.approve)] == ["* /**", "writes"]
    assert rules.read_only


@pytest.mark.parametrize(
    ("arguments", "outcome", "reason"),
    [
        (("DELETE /zones/x",), "sent", "no rules"),
        (("DELETE /zones/x", "--deny", "DELETE /zones/**"), "not sent", "/** (--deny)"),
        (("delete /zones/{zone_id}", "--read-only"), "not sent", "only reads"),
        (("GET /zones/x", "--read-only"), "sent", "no rule is against it"),
        (("POST /zones/x/dns_records", "--deny", "tag:dns"), "not sent", "tag:dns (--deny)"),
        (("POST /zones", "--approve", "writes"), "sent if a person approves it", "writes"),
        (("GET /client/v4/zones", "--allow", "GET /zones"), "sent", "GET /zones (--allow)"),
        (("GET /zones/../accounts",), "not sent", "'..' segment"),
    ],
)
def test_rules_check_says_what_would_happen_and_why(run, arguments, outcome, reason):
    ended = run("rules", "check", *arguments)
    first, why, *_ = ended.out.splitlines()
    assert (ended.status, first.partition(": ")[2]) == (0, outcome)
    assert why.startswith("why: ")
    assert reason in why


def test_rules_check_looks_at_each_api_and_at_tools_apart(run, tmp_path):
    (tmp_path / "items.json").write_text(json.dumps(SMALL))
    specs = ("--spec", "cloudflare", "--spec", f"items={tmp_path / 'items.json'}")
    rules = ("--deny", "listItems", "--deny", "CALL /files/**")
    out = run("rules", "check", "GET /items", *specs, *rules).out
    assert out.splitlines()[:2] == ["cloudflare:", "GET /items: sent"]
    assert "items:\nGET /items: not sent" in out
    for options in ((*specs, *rules), ("--mcp", "files=npx", *rules[2:])):
        out = run("rules", "check", "CALL /files/write_file", *options).out
        assert out.startswith("CALL /files/write_file: not sent\nwhy: ")


def test_rules_check_names_the_operation_and_judges_graphql_both_ways(run):
    out = run("rules", "check", "DELETE /zones/x").out
    assert "operation: zones-0-delete (tag:Zone)" in out
    assert "none of the document" in run("rules", "check", "GET /nothing/here").out
    lines = run("rules", "check", "POST /graphql", "--read-only").out.splitlines()
    assert lines[0] == "POST /graphql: not sent"
    assert "POST /graphql with a query that only reads: sent" in lines


@pytest.mark.parametrize("command", ["search", "execute", "serve", "build"])
def test_the_commands_share_their_options(run, command):
    shown = run(command, "--help").out
    for option in ("--spec", "--name", "--base-url", "--account-id", "--fuel", "--max-tokens"):
        assert option in shown


def test_the_code_may_come_from_a_file(run, code_mode, tmp_path):
    file = tmp_path / "code.py"
    file.write_text("\ufeffecho ü", encoding="utf-8")
    assert json.loads(run("search", f"@{file}").out)["code"] == "echo ü"


def test_the_code_may_come_from_standard_input(run, code_mode, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"echo input")))
    assert json.loads(run("search", "-").out)["code"] == "echo input"


def test_code_that_starts_with_a_decorator_is_not_a_file():
    code = "@decorate\ndef find(): ..."
    assert read_code(code) == code


@pytest.mark.parametrize("command", ["search", "execute"])
@pytest.mark.parametrize("code", ["raise", "loop"])
def test_an_error_of_the_code_is_status_1_with_what_was_printed(run, code_mode, command, code):
    ended = run(command, code)
    assert (ended.status, ended.out) == (1, "")
    assert "Traceback" not in ended.err
    if code == "raise":
        assert ended.err.index("before it failed") < ended.err.index("CloudflareError: 403")


def test_an_api_error_without_a_token_names_the_variable(run, code_mode):
    assert "set CLOUDFLARE_API_TOKEN" in run("execute", "raise").err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("search",),
        ("search", "ok", "--fuel", "many"),
        ("search", "ok", "--no-such-option"),
        ("search", "@/no/such/file"),
        ("no-such-command",),
        ("rules", "check", "/zones"),
        ("rules", "check", "EAT /zones"),
        ("rules", "check", "GET /zones", "--deny", "tag:no-such-tag"),
        ("rules", "check", "GET /zones", "--config", "/no/such/file"),
        ("search", "ok", "--deny", "/zones"),
        ("serve", "--http", "nowhere"),
        ("serve", "--http", "0.0.0.0:0"),
        ("serve", "--http", "192.0.2.1:0", "--mcp", "a=b"),
        ("search", "ok", "--spec", "a=b", "--spec", "a=c"),
    ],
)
def test_wrong_usage_is_status_2_with_a_reason(run, code_mode, arguments):
    ended = run(*arguments)
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert arguments == () or ended.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("no such name"), 2),
        (SpecError("not OpenAPI"), 2),
        (ImageError("the disk is full"), 3),
        (WorkerDied("killed"), 3),
    ],
)
def test_what_fails_before_the_code_runs_has_its_own_status(run, code_mode, error, status):
    code_mode.prepares = [error]
    ended = run("search", "ok")
    assert (ended.status, ended.out) == (status, "")
    assert str(error) in ended.err


def test_a_bug_of_pymode_is_logged_and_has_the_status_of_a_failure(run, code_mode, caplog):
    ended = run("search", "crash")
    assert (ended.status, ended.out) == (3, "")
    assert "RuntimeError" in caplog.text


def test_ctrl_c_is_status_130(run, code_mode):
    code_mode.prepares = [KeyboardInterrupt()]
    ended = run("search", "ok")
    assert ended.status == 130
    assert "Traceback" not in ended.err


def test_the_sandbox_is_left_even_after_an_error(run, code_mode):
    run("search", "raise")
    assert (code_mode.entered, code_mode.left) == (1, 1)


def test_the_tokens_of_several_apis_go_by_their_names(code_mode, monkeypatch):
    """Only the process's own user has them; the tests of the gateway show both transports."""
    served = {}

    async def serve_stdio(server):
        served["token"] = server.token

    def make_server(code_mode, **options):
        return SimpleNamespace(**options)

    monkeypatch.setattr("pymode.server.serve_stdio", serve_stdio)
    monkeypatch.setattr("pymode.server.make_server", make_server)
    monkeypatch.setenv("GITHUB_API_TOKEN", "two")
    with pytest.raises(SystemExit):
        cli.main(["serve", "--spec", "cloudflare", "--spec", "github=x.json"])
    assert {name: token.get_secret_value() for name, token in served["token"].items()} == {
        "github": "two"
    }


def test_over_http_the_process_lends_nobody_its_own_account(code_mode, monkeypatch):
    """Neither by the API's own variables nor by ones that merely look like them."""
    served = {}

    async def serve_http(server, address, **options):
        served["account_id"] = server.account_id

    def make_server(code_mode, **options):
        return SimpleNamespace(**options)

    monkeypatch.setattr("pymode.server.listening.serve_http", serve_http)
    monkeypatch.setattr("pymode.server.make_server", make_server)
    for variable in ("CLOUDFLARE_ACCOUNT_ID", "ACCOUNT_ID", "API_TOKEN"):
        monkeypatch.setenv(variable, "of-the-process")
    with pytest.raises(SystemExit):
        cli.main(["serve", "--http", "127.0.0.1:0"])
    assert served == {"account_id": None}


def test_build_prepares_and_says_so(run, code_mode):
    ended = run("build")
    assert (ended.status, ended.out, code_mode.prepared) == (0, "", 1)
    assert "building the image" in ended.err
    assert "the image for cloudflare is ready" in ended.err


def test_a_result_is_utf_8_in_any_locale():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from fakes import FakeCodeMode;"
        "from pymode.cli import gateway, main as cli;"
        "gateway.make_code_mode = lambda *a, **k: FakeCodeMode(value='ü→');"
        "cli.main(['search', 'ok'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(TESTS / "support")],
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert ended.stdout == '"ü→"\n'.encode()


def test_a_reader_who_has_seen_enough_is_no_error():
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from fakes import FakeCodeMode;"
        "from pymode.cli import gateway, main as cli;"
        "gateway.make_code_mode = lambda *a, **k: FakeCodeMode();"
        "cli.main(['search', 'ok'])"
    )
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    with os.fdopen(write_fd, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-c", script, str(TESTS / "support")],
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False)


def test_the_version_is_that_of_the_package(run):
    assert run("--version").out.startswith("pymode ")


def test_python_m_pymode_is_the_same_program():
    command = [sys.executable, "-m", "pymode", "--version"]
    assert subprocess.check_output(command, timeout=60).startswith(b"pymode ")
