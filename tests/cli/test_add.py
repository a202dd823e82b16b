"""`pymode add` changes one entry of a client's configuration, and nothing else."""

import copy
import itertools
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from paths import REPOSITORY

from pymode.cli import main as cli
from pymode.cli.clients import CLIENTS, jsontext, tomltext

OPTIONS = ("--spec", "hub=cloudflare", "--deny", "GET /x", "--read-only")
PLACES = {
    "claude": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "codex": ".codex/config.toml",
}
JSON_CLIENTS = [name for name in PLACES if name != "codex"]
ENVIRONMENTS = {
    "claude": {"HUB_API_TOKEN": ""},
    "claude-code": {"HUB_API_TOKEN": "${HUB_API_TOKEN}"},
    "cursor": {"HUB_API_TOKEN": "${env:HUB_API_TOKEN}"},
    "vscode": {"HUB_API_TOKEN": "${env:HUB_API_TOKEN}"},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable in [name for name in os.environ if name.startswith("PYMODE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HUB_API_TOKEN", "very-secret")
    return folder


@pytest.fixture
def run(capfdbinary):
    def run_command(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["add", *arguments])
        out, err = capfdbinary.readouterr()
        assert b"very-secret" not in out + err
        return SimpleNamespace(status=ended.value.code, out=out.decode(), err=err.decode())

    return run_command


def place(home, client, text=None):
    path = home / PLACES[client]
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_entry(path, client, name="pymode"):
    if client == "codex":
        return tomllib.loads(path.read_text())["mcp_servers"][name]
    return jsontext.read(path.read_text(encoding="utf-8-sig"), is_lax=True)[CLIENTS[client].table][
        name
    ]


def backups(path):
    return sorted(path.parent.glob(f"{path.name}.*.bak"))


def others(path):
    return {each.name for each in path.parent.iterdir()} - {path.name}


# What is written


@pytest.mark.parametrize("client", PLACES)
def test_a_client_without_a_file_gets_one_that_only_its_user_reads(run, home, client):
    ended = run(client, *OPTIONS)
    path = home / PLACES[client]
    entry = read_entry(path, client)
    assert (ended.status, stat.S_IMODE(path.stat().st_mode)) == (0, 0o600)
    assert entry["args"][-6:] == ["serve", *OPTIONS[:2], "--read-only", *OPTIONS[2:4]]
    assert os.access(entry["command"], os.X_OK)
    assert Path(entry["command"]).is_absolute()
    assert entry.get("type") == ("stdio" if CLIENTS[client].is_typed else None)
    if client == "codex":
        assert entry["env_vars"] == ["HUB_API_TOKEN"]
    else:
        assert entry["env"] == ENVIRONMENTS[client]
    assert "HUB_API_TOKEN" in ended.err
    assert ("is Cursor installed?" in ended.err) == (client == "cursor")
    assert not backups(path)
    assert "very-secret" not in path.read_text()


@pytest.mark.parametrize("client", PLACES)
def test_the_command_of_an_entry_starts_pymode(run, home, client):
    run(client)
    entry = read_entry(home / PLACES[client], client)
    command = [entry["command"], *entry["args"], "--help"]
    assert b"Serve the tools" in subprocess.check_output(command, timeout=60)


@pytest.mark.parametrize("client", PLACES)
def test_print_writes_the_entry_to_standard_output_and_nothing_else(run, home, client):
    ended = run(client, *OPTIONS, "--print", "--name-in-client", "mine")
    read = tomllib.loads if client == "codex" else json.loads
    (entry,) = read(ended.out)[CLIENTS[client].table].values()
    assert "serve" in entry["args"]
    assert not list(home.iterdir())


def test_paths_are_those_of_the_platform_and_of_the_clients_own_variables(home, monkeypatch):
    found = {name: client.find() for name, client in CLIENTS.items()}
    assert found == {name: home / path for name, path in PLACES.items()}
    monkeypatch.setenv("CODEX_HOME", "/c")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/d")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    assert CLIENTS["codex"].find() == Path("/c/config.toml")
    assert CLIENTS["claude-code"].find() == Path("/d/.claude.json")
    assert CLIENTS["vscode"].find() == Path("/x/Code/User/mcp.json")
    monkeypatch.setattr(sys, "platform", "darwin")
    folder = home / "Library" / "Application Support"
    assert CLIENTS["claude"].find() == folder / "Claude" / "claude_desktop_config.json"
    assert CLIENTS["vscode"].find() == folder / "Code" / "User" / "mcp.json"


def test_files_are_named_by_whole_paths_as_the_client_starts_elsewhere(run, home, monkeypatch):
    monkeypatch.chdir(home)
    (home / "api.json").write_text("{}")
    (home / "rules.toml").write_text('[rules]\ndeny = ["GET /x"]\n')
    config = {"mcpServers": {"a": {"command": "a", "env": {"A": "${A_KEY}", "B": "${B:-x}"}}}}
    (home / "mcp.json").write_text(json.dumps(config))
    run(
        *("cursor", "--spec", "x=api.json", "--spec", "api.json", "--config", "rules.toml"),
        *("--mcp-config", "mcp.json", "--log", "log.db", "--base-url", "x=http://127.0.0.1:1"),
    )
    entry = read_entry(home / PLACES["cursor"], "cursor")
    assert entry["args"] == [
        *("serve", "--spec", f"x={home}/api.json", "--spec", f"{home}/api.json"),
        *("--base-url", "x=http://127.0.0.1:1", "--mcp-config", f"{home}/mcp.json"),
        *("--config", f"{home}/rules.toml", "--log", f"{home}/log.db"),
    ]
    # A variable with a default can do without a value.
    assert list(entry["env"]) == ["X_API_TOKEN", "API_API_TOKEN", "A_KEY"]


def test_an_mcp_server_alone_needs_no_token(run, home):
    ended = run("claude", "--mcp", "files=npx -y server /tmp")
    entry = read_entry(home / PLACES["claude"], "claude")
    assert entry["args"] == ["serve", "--mcp", "files=npx -y server /tmp"]
    assert "env" not in entry
    assert "write its whole path" in ended.err


def test_what_the_environment_sets_is_not_written_but_said(run, home, monkeypatch):
    monkeypatch.setenv("PYMODE_SPEC", "red=cloudflare")
    monkeypatch.setenv("PYMODE_DENY", "GET /x")
    ended = run("cursor")
    entry = read_entry(home / PLACES["cursor"], "cursor")
    assert (entry["args"], list(entry["env"])) == (["serve"], ["CLOUDFLARE_API_TOKEN"])
    assert "PYMODE_SPEC and PYMODE_DENY" in ended.err


# What stays


JSON_TEXTS = {
    "two spaces": '{\n  "z": 1,\n  "TABLE": {\n    "a": {"command": "x"}\n  },\n  "b": [1, 2]\n}\n',
    "tabs": '{\n\t"TABLE": {\n\t\t"a": {\n\t\t\t"command": "x"\n\t\t}\n\t}\n}',
    "windows": '{\r\n    "z": 1.50,\r\n    "TABLE": {}\r\n}\r\n',
    "no table": '{\n  "z": {"y": "\\u00fc ü"},\n  "x": 1e3\n}\n',
    "one line": '{"z":1,"TABLE":{"a":{"command":"x"}}}',
    "one line, spaces": '{ "TABLE": { "a": { "command": "x" } } }\n',
    "empty table": '{"TABLE": {}}',
    "empty": "{}",
    "only spaces": "\n",
    "nothing": "",
    "mark": '\ufeff{\n  "TABLE": {\n  }\n}\n',
    "mixed": '{"z": 1,\n "TABLE": {"a": {"command": "x"},\n  "b": {"command": "y"}}}',
    "other table": '{\n  "projects": {"/p": {"TABLE": {"pymode": {"command": "x"}}}}\n}',
}


@pytest.mark.parametrize("client", JSON_CLIENTS)
@pytest.mark.parametrize("text", JSON_TEXTS.values(), ids=JSON_TEXTS)
def test_json_keeps_its_order_its_form_and_what_pymode_does_not_know(run, home, client, text):
    table = CLIENTS[client].table
    text = text.replace("TABLE", table)
    path = place(home, client, text)
    assert run(client).status == 0
    new = path.read_bytes().decode()
    plain, new_plain = text.removeprefix("\ufeff"), new.removeprefix("\ufeff")
    assert (text == plain) == (new == new_plain)
    before = json.loads(plain) if plain.strip() else {}
    after = json.loads(new_plain)
    entry = after[table].pop("pymode")
    assert entry["args"] == ["serve"]
    assert list(after) == [*before, *([] if table in before else [table])]
    before.setdefault(table, {})
    assert (after, list(after[table])) == (before, list(before[table]))
    assert_is_inserted(plain, new_plain)
    assert ("\r\n" in new) == (new.count("\r\n") == new.count("\n") > 0)
    (kept,) = backups(path)
    assert kept.read_bytes().decode() == text


def assert_is_inserted(old, new):
    """The old text stands in the new one, parted in one place at most, but for spaces."""
    start = next((at for at in range(len(old)) if old[at] != new[at]), len(old))
    rest = old[start:]
    end = next((at for at in range(len(rest)) if rest[~at] != new[~at]), len(rest))
    assert rest[: len(rest) - end].strip() == ""


def test_vs_code_keeps_comments_and_trailing_commas(run, home):
    text = (
        "// mine\n{\n    /* all */\n    \"servers\": {\n"
        '        "a": {"command": "x"}, // "pymode": {\n'
        "        // end, }\n    },\n    \"inputs\": [{\"id\": \"k\",},], // last\n}\n// after\n"
    )  # fmt: skip
    path = place(home, "vscode", text)
    assert run("vscode", *OPTIONS).status == 0
    new = path.read_text()
    assert_is_inserted(text, new)
    config = jsontext.read(new, is_lax=True)
    assert list(config["servers"]) == ["a", "pymode"]
    assert config["inputs"] == [{"id": "k"}]
    # Its own entry is brought up to date with the comments in it.
    path.write_text(new.replace('"type": "stdio",', '"type": "stdio", // by pymode'))
    assert run("vscode", "--name-in-client", "pymode").status == 0
    assert "// by pymode" in path.read_text()
    assert read_entry(path, "vscode")["args"] == ["serve"]


def test_a_comment_on_the_last_server_stays_with_it(run, home):
    path = place(home, "vscode", '{\n  "servers": {\n    "a": {} // of a\n  }\n}\n')
    run("vscode")
    assert '"a": {}, // of a\n    "pymode": {\n' in path.read_text()


TOML_TEXTS = {
    "nothing": "",
    "no end of line": 'model = "x"',
    "comments": '# mine\nmodel = "x" # this\n\n[mcp_servers.a] # that\ncommand = "x"\n\n# end\n',
    "windows": 'model = "x"\r\n\r\n[mcp_servers.a]\r\ncommand = "x"\r\n',
    "strings": 'a = \'\'\'\n[mcp_servers.pymode]\ncommand = "x"\n\'\'\'\nb = """\\"""""\n[z]\n',
    "mark": '\ufeffmodel = "x"\n',
    "after": '[mcp_servers.a]\ncommand = "x"\nargs = [\n  "]", # [\n]\n[profiles.b]\nc = {d = 1}\n',
}


@pytest.mark.parametrize("text", TOML_TEXTS.values(), ids=TOML_TEXTS)
def test_codex_keeps_everything_and_gets_a_table_at_the_end(run, home, text):
    path = place(home, "codex", text)
    assert run("codex", *OPTIONS).status == 0
    new = path.read_bytes().decode()
    assert new.startswith(text)
    assert new.removeprefix(text).strip().startswith("[mcp_servers.pymode]")
    before = tomllib.loads(text.removeprefix("\ufeff"))
    after = tomllib.loads(new.removeprefix("\ufeff"))
    del after["mcp_servers"]["pymode"]
    assert after == {**before, "mcp_servers": before.get("mcp_servers", {})}
    (kept,) = backups(path)
    assert kept.read_bytes().decode() == text


def test_the_table_of_codex_is_changed_where_it_stands(run, home):
    text = (
        "[mcp_servers.pymode] # mine\n# why\ncommand = 'pymode' # old\n"
        'args = [\n  "serve", # ]\n  "--name",\n]\nstartup_timeout_sec = 20\n\n'
        '[mcp_servers.pymode.env]\nX = "very-secret"\n\n# next\n[z]\ny = 1\n'
    )
    path = place(home, "codex", text)
    assert run("codex", *OPTIONS).status == 0
    new = path.read_text()
    entry = tomllib.loads(new)["mcp_servers"]["pymode"]
    assert (entry["startup_timeout_sec"], entry["env"]) == (20, {"X": "very-secret"})
    assert (entry["args"][0], entry["env_vars"]) == ("serve", ["HUB_API_TOKEN"])
    for line in ("[mcp_servers.pymode] # mine\n# why\n", " # old\n", "\n\n# next\n[z]\ny = 1\n"):
        assert line in new
    assert run("codex", *OPTIONS).err.count("already") == 1


@pytest.mark.parametrize("client", PLACES)
def test_twice_is_as_good_as_once(run, home, client):
    run(client, *OPTIONS)
    path = home / PLACES[client]
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    ended = run(client, *OPTIONS)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert (ended.out, backups(path)) == ("", [])
    assert "already" in ended.err


@pytest.mark.parametrize("client", JSON_CLIENTS)
def test_the_values_that_the_user_wrote_stay_when_options_change(run, home, client):
    run(client, *OPTIONS)
    path = home / PLACES[client]
    config = json.loads(path.read_text())
    entry = config[CLIENTS[client].table]["pymode"]
    entry["env"] |= {"HUB_API_TOKEN": "very-secret", "OTHER": "1"}
    entry["disabled"] = False
    path.write_text(json.dumps(config, indent=4))
    expected = copy.deepcopy(entry)
    expected["args"] = ["serve", "--spec", "hub=cloudflare", "--spec", "red=cloudflare"]
    expected["env"]["RED_API_TOKEN"] = ENVIRONMENTS[client]["HUB_API_TOKEN"].replace("HUB", "RED")
    run(client, "--spec", "hub=cloudflare", "--spec", "red=cloudflare")
    assert read_entry(path, client) == expected


@pytest.mark.parametrize("client", PLACES)
def test_an_entry_that_starts_something_else_is_replaced_only_by_force(run, home, client):
    run(client, *OPTIONS)
    path = home / PLACES[client]
    text = path.read_text().replace('"serve"', '"very-secret"')
    path.write_text(text)
    ended = run(client)
    assert (ended.status, path.read_text(), backups(path)) == (2, text, [])
    assert "--force" in ended.err
    assert run(client, "--force").status == 0
    assert read_entry(path, client)["args"] == ["serve"]
    assert backups(path)[0].read_text() == text


def test_force_removes_the_tables_of_the_entry_it_replaces(run, home):
    text = (
        'a = 1\n[mcp_servers.pymode.env]\nK = "x"\n[mcp_servers.b]\ncommand = "b"\n\n'
        '[mcp_servers.pymode]\nurl = "https://x"\n# end\n[mcp_servers.pymode.tools.t]\ny = 1\n[z]\n'
    )
    path = place(home, "codex", text)
    assert run("codex", "--force").status == 0
    config = tomllib.loads(path.read_text())
    assert list(config["mcp_servers"]["pymode"]) == ["command", "args", "env_vars"]
    assert (config["a"], config["mcp_servers"]["b"], config["z"]) == (1, {"command": "b"}, {})
    assert "# end" in path.read_text()


def test_mode_and_links_stay(run, home):
    path = place(home, "cursor")
    kept = home / "dotfiles" / "cursor.json"
    kept.parent.mkdir()
    kept.write_text('{"mcpServers": {}}\n')
    kept.chmod(0o640)
    path.symlink_to(kept)
    assert run("cursor").status == 0
    assert path.is_symlink()
    assert read_entry(kept, "cursor")["args"] == ["serve"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    (backup,) = backups(path)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert not backup.is_symlink()
    assert others(kept) == set()


def test_no_copy_is_ever_overwritten(run, home):
    path = place(home, "cursor", "{}")
    for number in range(4):
        assert run("cursor", "--max-tokens", str(1_000 + number)).status == 0
    assert len(backups(path)) == 4
    assert len({each.read_bytes() for each in backups(path)}) == 4


def test_the_diff_shows_the_entry_and_nobody_elses_secrets(run, home):
    text = (
        '{"mcpServers": {"a": {"command": "x", "env": {"K": "very-secret"}},\n'
        ' "b": {"args": ["very-secret"], "url": "https://very-secret"}}}\n'
    )
    place(home, "cursor", text)
    out = run("cursor", *OPTIONS).out
    assert '"pymode": {' in out
    assert '"${env:HUB_API_TOKEN}"' in out
    assert '"env": {"K": "…"}' in out or '"url": "…"' in out
    place(home, "codex", "[mcp_servers.a]\nenv = { K = 'very-secret' }\n")
    assert "K = " in run("codex").out


# What is refused


@pytest.mark.parametrize("client", PLACES)
@pytest.mark.parametrize(
    "text",
    [
        b'{"TABLE": ',
        b'{"TABLE": []}',
        b'{"TABLE": {"pymode": 1}}',
        b'{"TABLE": {}, "TABLE": {}}',
        b'{"TABLE": {"pymode": {}, "pymode": {}}}',
        b"[]",
        b"{} {}",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        '{"TABLE": {}}'.encode("utf-16"),
        b'{"a":' * 200_000,
        b'TABLE = {a = {command = "x"}}\n',
        b'[[TABLE]]\ncommand = "x"\n',
        b"[TABLE.pymode]\n[TABLE.pymode]\n",
        b'TABLE.pymode.command = "pymode"\nTABLE.pymode.args = ["serve"]\n',
        b"a = \n",
    ],
    ids=range(16),
)
def test_what_cannot_be_changed_is_left_alone_with_the_entry_to_paste(run, home, client, text):
    text = text.replace(b"TABLE", CLIENTS[client].table.encode())
    path = place(home, client, text)
    ended = run(client)
    assert (ended.status, path.read_bytes(), others(path)) == (2, text, set())
    assert "Traceback" not in ended.err
    assert "is left as it is" in ended.err
    assert '"serve"' in ended.err


@pytest.mark.parametrize("text", ['{"a": 1,}', "{ // mine\n}", "{/**/}"])
@pytest.mark.parametrize("client", ["claude", "claude-code", "cursor"])
def test_comments_are_refused_where_the_client_reads_none(run, home, client, text):
    path = place(home, client, text)
    ended = run(client)
    assert (ended.status, path.read_text(), others(path)) == (2, text, set())
    assert "line 1" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("emacs",),
        ("cursor", "--name-in-client", "a.b"),
        ("cursor", "--name-in-client", ""),
        ("cursor", "--http", "127.0.0.1:0"),
        ("cursor", "--spec", "no-such-file.json"),
        ("cursor", "--config", "no-such-file.toml"),
        ("cursor", "--mcp-config", "no-such-file.json"),
        ("cursor", "--fuel", "many"),
        ("cursor", "--mcp", "files='npx"),
        ("cursor", "--mcp", "npx -y server"),
        ("cursor", "--spec", "a=cloudflare", "--spec", "a=cloudflare"),
    ],
)
def test_options_that_serve_would_refuse_are_refused_at_once(run, home, arguments):
    ended = run(*arguments)
    assert (ended.status, list(home.iterdir())) == (2, [])
    assert "Traceback" not in ended.err


def test_a_file_that_may_not_be_written_or_read_is_an_error(run, home):
    path = place(home, "cursor")
    path.mkdir()
    assert run("cursor").status == 2
    path = home / ".codex"
    path.write_text("")
    assert run("codex").status == 2


# Whatever happens meanwhile

KILLED = """
import os, signal, sys
from pymode.cli import main as cli

folder, left = sys.argv[1], int(sys.argv[2])

def watch(event, arguments):
    global left
    steps = ("open", "os.rename", "os.chmod", "os.remove")
    if event in steps and any(str(each).startswith(folder) for each in arguments):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
cli.main(["add", "cursor"])
"""


def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(home):
    old = '{"mcpServers": {"a": {"command": "x"}}}\n'
    outcomes = []
    for step in range(50):
        path = place(home, "cursor", old)
        # Each copy that is there already would be one step more.
        for copy_ in backups(path):
            copy_.unlink()
        command = [sys.executable, "-c", KILLED, str(path.parent), str(step)]
        ended = subprocess.run(command, capture_output=True, check=False, timeout=60)
        is_old = path.read_text() == old
        assert is_old or read_entry(path, "cursor")["args"] == ["serve"]
        outcomes.append((ended.returncode, is_old))
        if ended.returncode == 0:
            break
    killed = -signal.SIGKILL
    # Killed before the change, then after it, then not at all.
    assert list(dict.fromkeys(outcomes)) == [(killed, True), (killed, False), (0, False)]


def test_what_the_client_writes_meanwhile_is_not_lost(run, home, monkeypatch):
    path = place(home, "claude-code", "{}")
    real = os.fsync

    def fsync(handle):
        path.write_text('{"numStartups": 2}')
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    ended = run("claude-code")
    assert (ended.status, path.read_text()) == (2, '{"numStartups": 2}')
    assert "changed by somebody else" in ended.err
    assert others(path) == {each.name for each in backups(path)}


# The pages

DOCS = REPOSITORY / "docs"
HTTP = {"--http", "--allow-host"}


def read_commands(page):
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("pymode ")]


@pytest.mark.parametrize(
    "command", [*read_commands("clients.md"), *read_commands("gateway.md")], ids=" ".join
)
def test_the_commands_of_the_pages_have_options_that_work(run, home, monkeypatch, command):
    monkeypatch.chdir(home)
    (home / "github.json").write_text("{}")
    (home / "mcp.json").write_text('{"mcpServers": {}}')
    if command[0] == "serve":
        # `add` checks the options of `serve`, and serves nothing.
        kept = [
            word
            for before, word in itertools.pairwise(command)
            if word not in HTTP and before not in HTTP
        ]
        command = ["add", "cursor", "--print", *kept]
    assert command[0] == "add"
    assert run(*command[1:]).status == 0


# The texts


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, {"b": "}"}], "c": {}}', '{ "a" : "\\"" , "c":{"d":null} }', "{\n}\n"],
)
def test_both_readers_of_json_agree_with_the_standard_library(text):
    assert jsontext.read(text, is_lax=False) == jsontext.read(text, is_lax=True) == json.loads(text)


def test_a_toml_string_may_hold_anything():
    values = {"command": 'a"\\\x7f\x01ü\n', "args": ["'", "]", "#"]}
    text = tomltext.put("", ("mcp_servers", "x"), values, is_new=True)
    assert tomllib.loads(text)["mcp_servers"]["x"] == values
