"""Every framework's page works in that framework's current release.

An environment for each takes minutes, so only those that are named in PYMODE_FRAMEWORKS are tried
("all" for all), and those whose environment is there already:

    PYMODE_FRAMEWORKS=pydantic_ai,fastmcp pytest tests/frameworks
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import play
import pytest
import run

from pymode.simulator import running

PAGES = Path(__file__).resolve().parents[2] / "docs" / "frameworks"
WANTED = {name for name in os.environ.get("PYMODE_FRAMEWORKS", "").split(",") if name}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running() as url:
        yield url


def test_every_framework_has_a_page_and_every_page_a_framework() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} - {"index"} == set(run.FRAMEWORKS)


@pytest.mark.parametrize("name", run.FRAMEWORKS)
def test_a_page_installs_what_it_is_tried_with(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text()
    installed = " ".join(re.findall(r"^pip install .*$", text, re.MULTILINE))
    framework = run.FRAMEWORKS[name]
    assert framework.requirements[0].partition("[")[0] in installed
    assert ("pip install pymode" in text) == framework.inside


@pytest.mark.parametrize("name", run.FRAMEWORKS)
def test_the_block_of_a_page_is_python(name: str) -> None:
    compile(play.read_block(name), f"{name}.md", "exec")


@pytest.mark.parametrize("name", run.FRAMEWORKS)
def test_the_page_runs_with_the_current_release(name: str, base_url: str) -> None:
    """The agent of the page searches, executes, and answers with what the API returned."""
    framework, folder = run.FRAMEWORKS[name], run.default_folder()
    if not WANTED & {name, "all"} and not run.is_there(framework, folder):
        pytest.skip(f"has no environment; set PYMODE_FRAMEWORKS={name} to make it")
    run.play(framework, run.prepare(framework, folder), base_url)
