"""Code Mode for Python: a whole API behind two operations, search and execute.

>>> import asyncio
>>> from pymode import CodeMode
>>> async def count_zone_paths():
...     async with CodeMode("cloudflare") as cm:
...         result = await cm.search('''
...             async def main():
...                 return sorted(p for p in spec["paths"] if p.endswith("/dns_records"))
...         ''')
...         return result.value
>>> asyncio.run(count_zone_paths())
['/zones/{zone_id}/dns_records']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymode.apis.auth import ApiKey, Basic, Bearer
    from pymode.apis.openapi import OpenAPI
    from pymode.call.result import Result, Timings
    from pymode.codemode import CodeMode
    from pymode.limits import Limits
    from pymode.policy.rules import Rules
    from pymode.tools.functions import only_reads

__version__ = "0.1.0"
__all__ = [
    "ApiKey",
    "Basic",
    "Bearer",
    "CodeMode",
    "Limits",
    "OpenAPI",
    "Result",
    "Rules",
    "Timings",
    "only_reads",
]

_HOMES = {
    "ApiKey": "apis.auth",
    "Basic": "apis.auth",
    "Bearer": "apis.auth",
    "CodeMode": "codemode",
    "Limits": "limits",
    "OpenAPI": "apis.openapi",
    "Result": "call.result",
    "Rules": "policy.rules",
    "Timings": "call.result",
    "only_reads": "tools.functions",
}


def __getattr__(name: str) -> Any:
    # A worker process imports one module of this package and must not pay for the rest.
    if name not in _HOMES:
        msg = f"module 'pymode' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(f"pymode.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
