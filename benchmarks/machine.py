"""The machine and the versions of a run, without which no figure can be compared."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

DISTRIBUTIONS = (
    *("pymode", "wasmtime", "componentize-py", "mcp", "httpx", "bpe-openai"),
    *("fastmcp", "pydantic-monty", "pyeryx", "jmespath"),
)


def describe_machine() -> dict[str, str]:
    """Return facts about the machine, in the order in which the report lists them."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return {
        "processor": processor(),
        "cores": f"{os.cpu_count()} cores",
        "memory": f"{memory_gib:.0f} GiB of memory",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def processor() -> str:
    """Return the name of the processor's model, as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def find_versions() -> dict[str, str]:
    """Return the version of each distribution that is installed."""
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
