"""Runs the demo: starts API and servers, calls the tools, shows and checks the answers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import dedent, indent

from mcp import Client, StdioServerParameters, types
from mcp.shared.exceptions import MCPError
from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from pymode.answers.tokens import count_tokens_bound
from pymode.demo.steps import DRY, GUARDED, STEPS, ZONES, Step
from pymode.errors import SandboxError
from pymode.policy.approvals import Answer
from pymode.simulator import running

TOKEN = "simulated-demo"  # noqa: S105 - the simulated API takes any token of this form
MAX_SHOWN_CHARS = 700
# Long, because the first call of a first run waits for the image to be built.
CALL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost; tokens are an upper bound."""

    title: str
    seconds: float
    sent_tokens: int
    answer_tokens: int


async def run_demo() -> bool:
    """Show the steps on standard output.

    Returns:
        Whether each step showed what its title says.
    """
    console = Console(highlight=False)
    console.print(
        "\n[bold]pymode demo[/]  search and execute over MCP, on a simulated API\n", style="default"
    )
    with running(zones=ZONES) as base_url:
        console.print(f"  api     simulated, at {base_url}", style="dim")
        console.print("  servers pymode serve --base-url …, each a process of its own", style="dim")
        try:
            async with AsyncExitStack() as stack:
                clients: dict[tuple[str, ...], Client] = {
                    options: await stack.enter_async_context(
                        Client(
                            _server(base_url, options),
                            read_timeout_seconds=CALL_SECONDS,
                            elicitation_callback=partial(_answer, console),
                        )
                    )
                    for options in (GUARDED, DRY)
                }
                return await _play_all(console, clients)
        except BaseExceptionGroup as group:
            # Each task group of the client wraps an error in a group once more.
            raise _unwrap(group) from None


async def _answer(
    console: Console, _: object, params: types.ElicitRequestParams
) -> types.ElicitResult:
    """Approve in place of the person whom the server asks, and show the question."""
    console.print(Padding(Text(f"the person is asked:\n{params.message}", style="yellow"), 1))
    console.print("    and approves\n", style="yellow")
    return types.ElicitResult(action="accept", content={"decision": Answer.APPROVE.value})


async def _play_all(console: Console, clients: Mapping[tuple[str, ...], Client]) -> bool:
    tools = (await clients[GUARDED].list_tools()).tools
    console.print(f"  tools   {', '.join(tool.name for tool in tools)}", style="dim")
    costs = [cost for step in STEPS if (cost := await _play(console, clients[step.options], step))]
    is_shown = len(costs) == len(STEPS)
    _conclude(console, costs, is_shown)
    return is_shown


def _unwrap(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MCPError):
        return SandboxError(f"the server did not answer ({error}); what it said is above")
    return error


def _server(base_url: str, options: tuple[str, ...]) -> StdioServerParameters:
    # Without the operator's own settings, and so that no real token reaches the simulated API.
    own = ("CLOUDFLARE_", "PYMODE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    search_path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment |= {
        "CLOUDFLARE_API_TOKEN": TOKEN,
        "PYTHONPATH": os.pathsep.join(filter(None, search_path)),
    }
    return StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "pymode", "serve", "--base-url", base_url, "--no-log", *options],
        env=environment,
    )


async def _play(console: Console, client: Client, step: Step) -> Cost | None:
    code = dedent(step.code).rstrip()
    console.print(f"\n[bold cyan]▸[/] [bold]{step.title}[/]\n")
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    highlighted = syntax.highlight(indent(code, "    "))
    highlighted.rstrip()
    console.print(highlighted, soft_wrap=True)
    started = time.perf_counter()
    with console.status("running", spinner_style="cyan") as status:

        async def show(progress: float, total: float | None, message: str | None) -> None:
            status.update(f"{message or 'preparing'} ({progress / (total or 1.0):.0%})")

        result = await client.call_tool(step.tool, {"code": code}, progress_callback=show)
    seconds = time.perf_counter() - started
    text = "\n".join(getattr(block, "text", "") for block in result.content)
    console.print()
    _show_answer(console, text, is_error=result.is_error)
    cost = Cost(step.title, seconds, count_tokens_bound(code), count_tokens_bound(text))
    if not step.holds(text, result.is_error):
        console.print("    This is not what the step should show.", style="bold red")
        return None
    console.print(f"    {seconds:.2f} s", style="dim")
    return cost


def _show_answer(console: Console, text: str, *, is_error: bool) -> None:
    if len(text) > MAX_SHOWN_CHARS:
        text = f"{text[:MAX_SHOWN_CHARS]}… {len(text) - MAX_SHOWN_CHARS} more characters"
    console.print(
        Padding(Text(text, style="red" if is_error else "green"), (0, 0, 0, 4), expand=False)
    )


def _conclude(console: Console, costs: list[Cost], is_shown: bool) -> None:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("what it cost")
    for heading in ("time", "tokens sent", "tokens back"):
        table.add_column(heading, justify="right")
    for cost in costs:
        title = cost.title.partition(":")[0]
        table.add_row(
            title, f"{cost.seconds:.2f} s", str(cost.sent_tokens), str(cost.answer_tokens)
        )
    console.print()
    console.print(table)
    console.print(
        "\n  Tokens are estimates from above. The two tools themselves cost less than 500,\n"
        "  however large the API is.",
        style="dim",
    )
    if not is_shown:
        console.print("\n  The demo did not show what it should.\n", style="bold red")
        return
    console.print("\n[bold]On your own account[/]\n")
    for line in (
        "export CLOUDFLARE_API_TOKEN=…",
        'pymode execute \'return (await cloudflare.request("GET", "/zones"))["result"]\'',
        "pymode serve          # for an MCP client, over stdio",
    ):
        console.print(f"  {line}", markup=False, style="cyan", soft_wrap=True)
    console.print()
