import pytest

from pymode.apis.auth import check_token
from pymode.cli.settings import (
    read_credentials,
    read_settings,
)
from pymode.errors import ConfigError
from pymode.http.address import ListenAddress
from pymode.limits import MIB, Limits
from pymode.namespaces import token_variable


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    fields = ("SPEC", "FUEL", "TIMEOUT", "NAME", "ACCOUNT_ID")
    for name in (*fields, "CONFIG", "READ_ONLY", "ALLOW", "DENY", "APPROVE"):
        monkeypatch.delenv(f"PYMODE_{name}", raising=False)
    for name in ("CLOUDFLARE", "GITHUB"):
        monkeypatch.delenv(f"{name}_API_TOKEN", raising=False)
        monkeypatch.delenv(f"{name}_ACCOUNT_ID", raising=False)


def test_the_defaults_are_those_of_the_limits():
    assert read_settings().limits == Limits()


def test_an_option_wins_over_the_environment_and_that_over_the_default(monkeypatch):
    monkeypatch.setenv("PYMODE_FUEL", "1000")
    monkeypatch.setenv("PYMODE_SPEC", "github.json")
    settings = read_settings(fuel="2000", spec=None)
    assert (settings.fuel, settings.spec, settings.max_tokens) == (2000, ("github.json",), 6000)


def test_an_empty_variable_counts_as_absent(monkeypatch):
    monkeypatch.setenv("PYMODE_FUEL", "")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "")
    assert read_settings().fuel == Limits().fuel
    assert read_credentials("cloudflare").api_token is None


def test_every_limit_can_be_set():
    """Each option reaches its own field of `Limits`, in the units of that field."""
    settings = read_settings(
        fuel=1, memory_mb=2, timeout="0.5", source_kb=3, result_kb=4, printed_chars=5, host_calls=6,
        host_calls_in_flight=7, request_kb=8, response_kb=9, waiting_callers=0,
    )  # fmt: skip
    assert settings.limits == Limits(
        fuel=1,
        memory_bytes=2 * MIB,
        wall_seconds=0.5,
        source_bytes=3 * 1024,
        result_bytes=4 * 1024,
        printed_chars=5,
        host_calls=6,
        host_calls_in_flight=7,
        request_bytes=8 * 1024,
        response_bytes=9 * 1024,
        waiting_callers=0,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fuel", "0"),
        ("fuel", "many"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("timeout", "-1"),
        ("waiting_callers", "-1"),
        ("max_tokens", "99"),
        ("name", "class"),
        ("name", "print"),
        ("name", "spec"),
        ("name", "GitHub"),
        ("name", "a-b"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_that_the_operator_used(field, value, monkeypatch):
    option = "--" + field.replace("_", "-")
    with pytest.raises(ConfigError, match=f"^{option}: "):
        read_settings(**{field: value})
    monkeypatch.setenv(f"PYMODE_{field.upper()}", value)
    with pytest.raises(ConfigError, match=f"^PYMODE_{field.upper()}: "):
        read_settings()


def test_settings_cannot_be_changed():
    settings = read_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.fuel = 1


def test_the_rules_are_those_of_the_file_the_environment_and_the_options(tmp_path, monkeypatch):
    """An option adds to what the others say; it takes nothing away."""
    file = tmp_path / "pymode.toml"
    file.write_text('[rules]\ndeny = ["tag:dns"]\nread_only = true\n')
    monkeypatch.setenv("PYMODE_DENY", "GET /a\n\n DELETE /b \n")
    monkeypatch.setenv("PYMODE_READ_ONLY", "false")
    settings = read_settings(deny=["zones-get"], approve=["writes"], config=str(file), allow=[])
    assert [str(rule) for rule in settings.rules.deny] == [
        "tag:dns (deny in pymode.toml)",
        "GET /a (PYMODE_DENY)",
        "DELETE /b (PYMODE_DENY)",
        "zones-get (--deny)",
    ]
    assert [str(rule) for rule in settings.rules.approve] == ["writes (--approve)"]
    assert settings.rules.allow == ()
    assert settings.rules.read_only


def test_there_are_no_rules_unless_there_are_some(monkeypatch):
    assert not read_settings().rules
    monkeypatch.setenv("PYMODE_READ_ONLY", "1")
    assert read_settings().rules.read_only
    monkeypatch.setenv("PYMODE_READ_ONLY", "0")
    assert read_settings(read_only=True).rules.read_only


@pytest.mark.parametrize("field", ["allow", "deny", "approve"])
def test_a_bad_rule_is_refused_by_the_name_that_the_operator_used(field, monkeypatch):
    with pytest.raises(ConfigError, match=f"^--{field}: '/zones' is not a rule"):
        read_settings(**{field: ["GET /x", "/zones"]})
    monkeypatch.setenv(f"PYMODE_{field.upper()}", "GET /x\n/zones")
    with pytest.raises(ConfigError, match=f"^PYMODE_{field.upper()}: '/zones' is not a rule"):
        read_settings()


def test_a_file_of_rules_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PYMODE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="cannot read"):
        _ = read_settings().rules


def test_the_token_and_the_account_are_those_of_the_api_by_name(monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "one")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "023e")
    monkeypatch.setenv("GITHUB_API_TOKEN", " two\n")
    cloudflare, github = read_credentials("cloudflare"), read_credentials("github")
    assert (cloudflare.api_token.get_secret_value(), cloudflare.account_id) == ("one", "023e")
    assert (github.api_token.get_secret_value(), github.account_id) == ("two", None)
    assert token_variable("my_api") == "MY_API_API_TOKEN"


def test_a_token_does_not_show_in_a_repr(monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "very-secret")
    assert "very-secret" not in repr(read_credentials("cloudflare"))


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "umläut", "", "nul\0"])
def test_a_token_that_cannot_stand_in_a_header_is_refused_without_showing_it(token):
    with pytest.raises(ConfigError, match=r"^the token must be one word") as caught:
        check_token(token, source="the token")
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("localhost:0", "localhost", 0),
        ("[::1]:8000", "::1", 8000),
    ],
)
def test_an_address_is_a_host_and_a_port(text, host, port):
    assert ListenAddress.parse(text) == ListenAddress(host, port)


@pytest.mark.parametrize("text", ["", "8000", "localhost", ":8000", "a:b", "::1:8000", "a:65536"])
def test_any_other_address_is_refused(text):
    with pytest.raises(ConfigError, match="--http needs HOST:PORT"):
        ListenAddress.parse(text)
