"""The options that the commands share, one for each field of `Settings`, and the API's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from pydantic.fields import FieldInfo

from pymode.config import Settings, option_name, read_settings

P = ParamSpec("P")

_FIELDS = tuple(Settings.model_fields)
_RULES, _LIMITS = _FIELDS.index("config"), _FIELDS.index("fuel")
_PANELS = dict.fromkeys(_FIELDS[_RULES:_LIMITS], "What may be sent") | dict.fromkeys(
    _FIELDS[_LIMITS:], "Limits of a call"
)


def with_settings(command: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
    """A command that takes each field of `Settings` as an option, besides its own parameters.

    Args:
        command: gets the settings as its first argument, the rest by keyword.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    shared = [_parameter(name, field) for name, field in Settings.model_fields.items()]

    def run(**given: Any) -> None:
        options = {name: given.pop(name) for name in Settings.model_fields}
        command(read_settings(**options), **given)  # type: ignore[call-arg]  # P is only known to typer

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def name_api(settings: Settings) -> str:
    """What the code calls the API: as told, or else by the name of its document."""
    from pymode.spec import name_of

    return settings.name or name_of(settings.spec)


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    says_default = field.default is not None and not isinstance(field.default, bool | tuple)
    default = f" (default {field.default})" if says_default else ""
    option = typer.Option(
        option_name(name),
        help=f"{field.description}{default}",
        metavar=_metavar(field),
        rich_help_panel=_PANELS.get(name, "Options"),
        show_default=False,
    )
    # Text, whatever the field: pydantic parses options and environment by the same rules.
    kinds: dict[type, object] = {bool: bool | None, tuple: list[str] | None}
    value = kinds.get(type(field.default), str | None)
    annotation: object = Annotated[value, option]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


def _metavar(field: FieldInfo) -> str | None:
    if isinstance(field.default, bool):
        return None
    if isinstance(field.default, tuple):
        return "RULE"
    if isinstance(field.default, float):
        return "SECONDS"
    return "TEXT" if field.annotation in (str, str | None) else "N"
