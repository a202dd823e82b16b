import ast
import json
from pathlib import Path

import pytest
from tokenizer import count

from pymode.answers.prompts import Facts, describe_tools
from pymode.limits import Limits
from pymode.namespaces import error_name

SNAPSHOTS = Path(__file__).parent / "snapshots"
NAMES = ("cloudflare", "github")
TOKENS = 500


@pytest.mark.parametrize("name", [*NAMES, "a_rather_long_internal_name"])
def test_names_descriptions_and_schemas_cost_at_most_500_tokens(name):
    listed = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in describe_tools([Facts(name, "api")], Limits(), 6_000)
    ]
    assert count(json.dumps(listed, ensure_ascii=False, separators=(",", ":"))) <= TOKENS


@pytest.mark.parametrize("name", NAMES)
def test_the_model_reads_exactly_these_texts(name):
    """A change of a prompt is a change of the product: look at it, then update the snapshot."""
    texts = [
        f"# {tool.name}\n{tool.description}\n{json.dumps(tool.input_schema)}\n"
        for tool in describe_tools([Facts(name, "api")], Limits(), 6_000)
    ]
    assert "\n".join(texts) == (SNAPSHOTS / f"prompts-{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_each_tool_ends_with_an_example_that_is_python(name):
    for tool in describe_tools([Facts(name, "api")], Limits(), 6_000):
        example = ast.parse(tool.description.rpartition("\n\n")[2])
        assert isinstance(example.body[0], ast.AsyncFunctionDef)


def test_the_texts_follow_the_name_and_the_limits():
    limits = Limits(host_calls=7, wall_seconds=2.5)
    search, execute = describe_tools([Facts("github", "api")], limits, 1_234)
    assert "1234 tokens" in search.description
    assert "await github.request(" in execute.description
    assert "GithubError" in execute.description
    assert "7 requests, 2.5 s" in execute.description
    assert "cloudflare" not in (search.description + execute.description).lower()


@pytest.mark.parametrize(
    ("name", "error"),
    [("cloudflare", "CloudflareError"), ("my_api", "MyApiError"), ("s3", "S3Error")],
)
def test_the_error_is_named_after_the_namespace(name, error):
    assert error_name(name) == error


MIXED = [Facts("github", "api", 1_223), Facts("db", "functions", 2), Facts("linear", "mcp", 23)]


def cost(facts):
    listed = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in describe_tools(facts, Limits(), 6_000)
    ]
    return count(json.dumps(listed, ensure_ascii=False, separators=(",", ":")))


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("mixed", MIXED),
        ("apis", [Facts("github", "api", 1_223), Facts("shop", "api")]),
        ("tools", MIXED[1:]),
    ],
)
def test_the_model_reads_exactly_these_texts_of_several_namespaces(name, facts):
    texts = [
        f"# {tool.name}\n{tool.description}\n{json.dumps(tool.input_schema)}\n"
        for tool in describe_tools(facts, Limits(), 6_000)
    ]
    assert "\n".join(texts) == (SNAPSHOTS / f"prompts-{name}.txt").read_text("utf-8")
    for tool in describe_tools(facts, Limits(), 6_000):
        ast.parse(tool.description.rpartition("\n\n")[2])


def test_three_thousand_tools_cost_what_three_do():
    # But for the digits of the number.
    assert cost([Facts("a", "mcp", 3_000)]) <= cost([Facts("a", "mcp", 3)]) + 2
    assert cost(MIXED) <= 600


def test_a_hundred_namespaces_stay_within_bounds():
    assert cost([Facts(f"server_{number}", "mcp", 10) for number in range(100)]) <= 1_000


def test_a_number_that_is_not_known_is_left_out():
    search, _ = describe_tools([Facts("a", "mcp"), Facts("b", "mcp", 1_000)], Limits(), 6_000)
    assert "a (MCP), b (MCP, 1,000 tools)" in search.description
