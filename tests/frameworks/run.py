"""Tries agent frameworks: the page of each runs in an environment with its current release.

    python tests/frameworks/run.py [NAME …]

Needs an interpreter that has pymode. Each framework gets a virtual environment in the cache folder
of the user, or in `--folder`; it is made once, and again with `--again`. No model and no network
are needed but for the package index: the model is scripted, the API simulated.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from platformdirs import user_cache_path

from pymode.simulator import running

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
TOKEN = "simulated-test"
INSTALL_SECONDS, RUN_SECONDS = 900, 240
# Holds what an environment was made with.
MARKER = "installed"


@dataclass(frozen=True)
class Framework:
    """What is tried.

    Args:
        name: of its page and of its scripted model.
        requirements: what pip installs beside pymode; the first is the framework.
        inside: whether pymode is installed in the same environment. One that still needs mcp 1.x
            reaches the pymode of another environment over stdio and HTTP.
    """

    name: str
    requirements: tuple[str, ...]
    inside: bool = True


FRAMEWORKS = {
    each.name: each
    for each in (
        Framework("pydantic_ai", ("pydantic-ai-slim",)),
        Framework("langchain", ("langchain", "langgraph")),
        Framework("langgraph", ("langgraph", "langchain")),
        Framework("openai_agents", ("openai-agents",)),
        Framework("llamaindex", ("llama-index-core", "llama-index-llms-openai")),
        Framework("google_adk", ("google-adk",)),
        Framework("agno", ("agno",)),
        Framework("smolagents", ("smolagents",)),
        Framework("smolagents_code", ("smolagents",)),
        Framework("claude_agent_sdk", ("claude-agent-sdk",)),
        Framework("fastmcp", ("fastmcp",)),
        Framework("langchain_mcp", ("langchain-mcp-adapters", "langchain"), inside=False),
        Framework("crewai", ("crewai", "crewai-tools[mcp]"), inside=False),
    )
}


class Failed(Exception):
    """An environment could not be made, or a page did not do what it says."""


def prepare(framework: Framework, folder: Path, *, again: bool = False) -> Path:
    """Return the interpreter of an environment that has the framework.

    Frameworks with the same requirements share one.

    Raises:
        Failed: pip cannot install it.
    """
    place = find_place(framework, folder)
    python = place / "bin" / "python"
    if again or not is_there(framework, folder):
        venv = [sys.executable, "-m", "venv", "--clear", str(place)]
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
        for command in (venv, [*pip, "--upgrade", "pip"], [*pip, *list_installed(framework)]):
            execute(command, INSTALL_SECONDS)
        (place / MARKER).write_text(repr(list_installed(framework)))
    return python


def is_there(framework: Framework, folder: Path) -> bool:
    """Say whether the environment was made, with what is wanted now."""
    marker = find_place(framework, folder) / MARKER
    return marker.exists() and marker.read_text() == repr(list_installed(framework))


def find_place(framework: Framework, folder: Path) -> Path:
    """Return where the environment of a framework is, or will be."""
    return folder / re.sub(r"[^\w-]+", "_", "-".join(sorted(framework.requirements))).strip("_")


def list_installed(framework: Framework) -> list[str]:
    """Return what pip installs."""
    own = ["-e", f"{REPOSITORY}[build]"] if framework.inside else []
    return [*sorted(framework.requirements), *own]


def execute(command: Sequence[str], seconds: float, **environment: str) -> str:
    """Run a command and return its output.

    Raises:
        Failed: it failed or took too long; the message holds the end of what it said.
    """
    try:
        done = subprocess.run(
            command,
            env=clean_environment() | environment,
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(command)[:200]} took more than {seconds:g} s") from None
    if done.returncode:
        raise Failed(f"{done.stdout}\n{done.stderr}".strip()[-4000:])
    return done.stdout


def clean_environment() -> dict[str, str]:
    """Return the environment without what would let a framework reach a model or report home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_API_TOKEN")) and name != "PYTHONPATH"
    }
    silent = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"}
    silent |= {"AGNO_TELEMETRY": "false", "OPENAI_AGENTS_DISABLE_TRACING": "1"}
    return kept | silent


def find_version(python: Path, framework: Framework) -> str:
    """Return the version of the framework that is installed."""
    package = framework.requirements[0].partition("[")[0]
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return f"{package} {execute([str(python), '-c', code], RUN_SECONDS).strip()}"


def play(framework: Framework, python: Path, base_url: str) -> str:
    """Run the page of a framework, over both transports where pymode is not inside.

    Raises:
        Failed: it did not print what the API returned.
    """
    given = {"base_url": base_url, "token": TOKEN, "zones": list_zones(base_url)}
    command = [str(python), str(HERE / "play.py"), framework.name]
    if framework.inside:
        return execute([*command, json.dumps(given)], RUN_SECONDS)
    stdio = {
        "transport": "stdio",
        "command": sys.executable,
        "args": ["-m", "pymode", "serve"],
        "env": {
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "PYMODE_BASE_URL": base_url,
            "PYTHONPATH": str(REPOSITORY),
            "PATH": os.environ["PATH"],
            **{name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ},
        },
    }
    execute([*command, json.dumps(given | {"server": stdio})], RUN_SECONDS)
    with serving(base_url) as url:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        http = {"transport": "streamable_http", "url": url, "headers": headers}
        return execute([*command, json.dumps(given | {"server": http})], RUN_SECONDS)


@contextmanager
def serving(base_url: str) -> Iterator[str]:
    """Serve pymode over HTTP for the time of a `with` block; yield its URL."""
    command = [sys.executable, "-m", "pymode", "serve", "--http", "127.0.0.1:0"]
    environment = clean_environment() | {"PYMODE_BASE_URL": base_url, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = next((line for line in process.stderr if "http://" in line), "")
            yield "http://" + line.partition("http://")[2].split()[0]
        finally:
            process.terminate()
            process.communicate(timeout=RUN_SECONDS)


def list_zones(base_url: str) -> list[str]:
    """Return the names that the answer must hold."""
    request = urllib.request.Request(
        f"{base_url}/zones?per_page=50", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=RUN_SECONDS) as reply:
        return [zone["name"] for zone in json.load(reply)["result"]]


def default_folder() -> Path:
    """Return where environments are kept."""
    return Path(
        os.environ.get("PYMODE_FRAMEWORKS_FOLDER") or user_cache_path("pymode") / "frameworks"
    )


def main() -> int:
    """Try the frameworks that are named, or all; return how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FRAMEWORKS))
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--again", action="store_true", help="make the environments anew")
    options = parser.parse_args()
    if unknown := set(options.names) - FRAMEWORKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    failures = 0
    with running() as base_url:
        for name in options.names or FRAMEWORKS:
            started = monotonic()
            try:
                python = prepare(FRAMEWORKS[name], options.folder, again=options.again)
                version = find_version(python, FRAMEWORKS[name])
                play(FRAMEWORKS[name], python, base_url)
                told = f"ok      {version}"
            except Failed as failure:
                failures += 1
                told = f"FAILED\n{failure}"
            sys.stdout.write(f"{name:18} {monotonic() - started:6.1f} s  {told}\n")
            sys.stdout.flush()
    return failures


if __name__ == "__main__":
    sys.exit(main())
