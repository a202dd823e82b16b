"""The options that the commands share, one for each field of `Settings`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from pydantic.fields import FieldInfo

from pymode.cli.settings import Settings, option_name, read_settings

P = ParamSpec("P")

_FIELDS = tuple(Settings.model_fields)
_RULES, _LIMITS = _FIELDS.index("config"), _FIELDS.index("fuel")
_PANELS = dict.fromkeys(_FIELDS[_RULES:_LIMITS], "What may be sent") | dict.fromkeys(
    _FIELDS[_LIMITS:], "Limits of a call"
)


_METAVARS = {
    "spec": "[NAME=]SPEC",
    "base_url": "[NAME=]URL",
    "mcp": "NAME=URL|COMMAND",
}


def with_settings(command: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
    """Return a command that takes each field of `Settings` as an option, besides its own.

    Args:
        command: gets the settings as its first argument, the rest by keyword.
    """
    return _with(command, lambda options: read_settings(**options))


def with_options(
    command: Callable[Concatenate[Mapping[str, object], P], None],
) -> Callable[..., None]:
    """Return a command that takes the same options, and gets them as they were given.

    Args:
        command: gets the options by the names of fields as its first argument, those that are
            absent as None or an empty list; the rest by keyword.
    """
    return _with(command, lambda options: options)


def spell_options(options: Mapping[str, object]) -> list[str]:
    """Return the words of a command line that give these options; see `with_options`."""
    words: list[str] = []
    for name, value in options.items():
        if value is True:
            words.append(option_name(name))
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                is_option = each.startswith("-")
                pair = [option_name(name), each]
                words += ["=".join(pair)] if is_option else pair
    return words


def _with(
    command: Callable[..., None], prepare: Callable[[Mapping[str, Any]], object]
) -> Callable[..., None]:
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = [_parameter(name, field) for name, field in Settings.model_fields.items()]

    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in Settings.model_fields}
        command(prepare(options), **given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    says_default = field.default is not None and not isinstance(field.default, bool | tuple)
    default = f" (default {field.default})" if says_default else ""
    option = typer.Option(
        option_name(name),
        help=f"{field.description}{default}",
        metavar=_metavar(name, field),
        rich_help_panel=_PANELS.get(name, "Options"),
        show_default=False,
    )
    # Text, whatever the field: pydantic parses options and environment by the same rules.
    kinds: dict[type, object] = {bool: bool | None, tuple: list[str] | None}
    value = kinds.get(type(field.default), str | None)
    annotation: object = Annotated[value, option]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


def _metavar(name: str, field: FieldInfo) -> str | None:
    if isinstance(field.default, bool):
        return None
    if isinstance(field.default, tuple):
        return _METAVARS.get(name, "RULE")
    if isinstance(field.default, float):
        return "SECONDS"
    return "TEXT" if field.annotation in (str, str | None) else "N"
