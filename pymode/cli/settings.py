"""The settings of an operator: command-line options, or else environment variables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    InstanceOf,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pymode.apis.auth import check_token
from pymode.errors import ConfigError
from pymode.limits import MIB, Limits
from pymode.log.place import default_path
from pymode.log.retention import Retention
from pymode.namespaces import is_free, token_variable
from pymode.policy.rule import LISTS, Rule, RuleListName
from pymode.policy.rule import parse as parse_rule
from pymode.policy.rules import Rules
from pymode.policy.rules_file import read_file

KIB = 1024
DAY_SECONDS = 24 * 60 * 60
_LIMITS = Limits()
_REFERENCE = re.compile(r"\$\{[^{}]*\}")

PositiveInt = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
RuleList = Annotated[tuple[InstanceOf[Rule], ...], NoDecode]
Lines = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """The settings that all calls of one process share.

    A value that is passed in wins over the environment variable `PYMODE_<FIELD>`, and that wins
    over the default. Use `read_settings`, which turns a bad value into a `ConfigError`.
    """

    model_config = SettingsConfigDict(env_prefix="PYMODE_", env_ignore_empty=True, frozen=True)

    spec: Lines = Field(
        (),
        description="OpenAPI document: a shipped name, a file or a URL; repeatable "
        "(default cloudflare, where there is no MCP server either).",
    )
    name: str | None = Field(None, description="Name of the only API in the code.")
    base_url: Lines = Field(
        (), description="Where requests go, instead of the first server of the document."
    )
    mcp: Lines = Field((), description="MCP server, by URL or command; repeatable.")
    mcp_config: str | None = Field(
        None, description="File with the mcpServers JSON that MCP clients keep."
    )
    account_id: str | None = Field(None, description="Value of account_id in the code.")
    # A smaller budget has no room for a value beside the sentence on what was cut.
    max_tokens: int = Field(6_000, ge=100, description="Size of an answer, in tokens.")
    workers: PositiveInt | None = Field(
        None, description="Sandbox processes (by default as many as CPUs)."
    )

    config: str | None = Field(None, description="File with rules, such as pymode.toml.")
    read_only: bool = Field(False, description="Send only requests that change nothing.")
    allow: RuleList = Field(
        (), description='Send only what fits such a rule: "GET /zones/**", tag:NAME or an id.'
    )
    deny: RuleList = Field((), description="Never send what fits this rule; repeatable.")
    approve: RuleList = Field(
        (), description='Ask before what fits this rule, or "writes", is sent; repeatable.'
    )

    check: Literal["warn", "strict", "off"] = Field(
        "warn", description="What to do with what the document knows: warn, strict or off."
    )
    dry_run: bool = Field(False, description="Send no writes; answer them with stand-ins.")
    log: str | None = Field(
        None, description="File of the log (by default in the user's state folder)."
    )
    no_log: bool = Field(False, description="Keep no log; writes are sent unrecorded.")
    log_days: Seconds = Field(30.0, description="Days that the log keeps calls.")
    log_mb: PositiveInt = Field(256, description="Size of the log, in MiB.")

    fuel: PositiveInt = Field(
        _LIMITS.fuel, description="WebAssembly instructions of a call; 10^10 are about 1.2 s."
    )
    memory_mb: PositiveInt = Field(
        _LIMITS.memory_bytes // MIB, description="Memory that a call may add, in MiB."
    )
    timeout: Seconds = Field(_LIMITS.wall_seconds, description="Duration of a call, in seconds.")
    source_kb: PositiveInt = Field(
        _LIMITS.source_bytes // KIB, description="Size of the code, in KiB."
    )
    result_kb: PositiveInt = Field(
        _LIMITS.result_bytes // KIB, description="Size of the returned value as JSON, in KiB."
    )
    printed_chars: PositiveInt = Field(
        _LIMITS.printed_chars, description="Characters that the code may print."
    )
    host_calls: PositiveInt = Field(
        _LIMITS.host_calls, description="Requests that a call may send."
    )
    host_calls_in_flight: PositiveInt = Field(
        _LIMITS.host_calls_in_flight, description="Requests of a call that run at the same time."
    )
    request_kb: PositiveInt = Field(
        _LIMITS.request_bytes // KIB, description="Size of one request, in KiB."
    )
    response_kb: PositiveInt = Field(
        _LIMITS.response_bytes // KIB, description="Size of one response, in KiB."
    )
    traffic_mb: PositiveInt = Field(
        _LIMITS.traffic_bytes // MIB,
        description="Size of all requests and responses of a call, in MiB.",
    )
    state_kb: PositiveInt = Field(
        _LIMITS.state_bytes // KIB, description="Size of `state` in a session, in KiB."
    )
    waiting_callers: int = Field(
        _LIMITS.waiting_callers, ge=0, description="Calls that may wait for a sandbox process."
    )
    load_memory_mb: PositiveInt = Field(
        _LIMITS.load_memory_bytes // MIB,
        description="Memory for loading the OpenAPI documents, in MiB.",
    )

    @field_validator("name")
    @classmethod
    def _name_is_an_identifier(cls, name: str | None) -> str | None:
        if name is None:
            return None
        if not is_free(name):
            msg = "must be a free Python name of lower-case letters, digits and _, such as github"
            raise ValueError(msg)
        return name

    @field_validator("spec", "base_url", "mcp", mode="before")
    @classmethod
    def _a_variable_has_a_line_for_each(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(filter(None, map(str.strip, value.splitlines())))
        return value

    @field_validator(*LISTS, mode="before")
    @classmethod
    def _lists_hold_rules(cls, value: object, info: ValidationInfo) -> object:
        # Text is a variable: a rule on each line. Options come parsed, see `read_settings`.
        for name in LISTS:
            if name == info.field_name and isinstance(value, str):
                texts = filter(None, map(str.strip, value.splitlines()))
                return _parse_rules(name, texts, f"PYMODE_{name.upper()}")
        return value

    @property
    def rules(self) -> Rules:
        """The rules of the file, then of the environment, then of the options.

        Raises:
            ConfigError: the file cannot be read, or holds anything but rules.
        """
        own = Rules(
            self.allow,
            self.deny,
            self.approve,
            self.read_only,
            "--read-only or PYMODE_READ_ONLY",
        )
        return own if self.config is None else read_file(self.config).merge(own)

    @property
    def log_path(self) -> Path | None:
        """The file of the log, or None for no log."""
        if self.no_log:
            return None
        return Path(self.log) if self.log else default_path()

    @property
    def retention(self) -> Retention:
        """How long and how much the log keeps."""
        return Retention(age_seconds=self.log_days * DAY_SECONDS, total_bytes=self.log_mb * MIB)

    @property
    def limits(self) -> Limits:
        """What one call may use, in the units of `Limits`."""
        return Limits(
            fuel=self.fuel,
            memory_bytes=self.memory_mb * MIB,
            wall_seconds=self.timeout,
            source_bytes=self.source_kb * KIB,
            result_bytes=self.result_kb * KIB,
            printed_chars=self.printed_chars,
            host_calls=self.host_calls,
            host_calls_in_flight=self.host_calls_in_flight,
            request_bytes=self.request_kb * KIB,
            response_bytes=self.response_kb * KIB,
            traffic_bytes=self.traffic_mb * MIB,
            state_bytes=self.state_kb * KIB,
            waiting_callers=self.waiting_callers,
            load_memory_bytes=self.load_memory_mb * MIB,
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """The token and the account of one API; either may be absent."""

    api_token: SecretStr | None = None
    account_id: str | None = None


class _Options(Settings):
    """Settings that do not come from the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def read_settings(*, by_environment: bool = True, **options: object) -> Settings:
    """Return settings from the options; those that are absent or None come from the environment.

    The lists of rules are added to those of the environment: an option cannot drop a `deny`.

    Args:
        by_environment: whether the environment has a part in them.
        options: by the names of fields.

    Raises:
        ConfigError: a value cannot be used; the message names its option or variable.
    """
    # An option that may be repeated and is absent comes as an empty list.
    given = {field: value for field, value in options.items() if value not in (None, [])}
    lists = {name: _parse_rules(name, given.pop(name, ()), option_name(name)) for name in LISTS}
    try:
        settings = (Settings if by_environment else _Options)(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise ConfigError(_explain(error, frozenset(given))) from None
    return settings.model_copy(
        update={name: (*getattr(settings, name), *added) for name, added in lists.items()}
    )


def _parse_rules(name: RuleListName, texts: object, source: str) -> tuple[Rule, ...]:
    listed = texts if isinstance(texts, Iterable) and not isinstance(texts, str) else [texts]
    return tuple(parse_rule(str(text), name, source) for text in listed)


def read_credentials(name: str) -> Credentials:
    """Return `<NAME>_API_TOKEN` and `<NAME>_ACCOUNT_ID` of the environment for one API.

    MCP clients that replace no `${NAME}` in their configuration, or have no value for it, hand it
    over as it stands; it counts as absent.

    Raises:
        ConfigError: the token cannot stand in an HTTP header.
    """
    variable = token_variable(name)
    token = os.environ.get(variable, "")
    if _REFERENCE.fullmatch(token):
        token = ""
    return Credentials(
        api_token=check_token(token, source=variable) if token else None,
        account_id=os.environ.get(f"{name.upper()}_ACCOUNT_ID") or None,
    )


def _explain(error: ValidationError, given: frozenset[str]) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "settings"
    source = option_name(field) if field in given else f"PYMODE_{field.upper()}"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{source}: {reason[0].lower()}{reason[1:]} (got {first['input']!r})"


def option_name(field: str) -> str:
    """Return the command-line option for a field of `Settings`."""
    return "--" + field.replace("_", "-")
