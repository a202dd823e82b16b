"""Times, load and limits in the report, as Markdown made from results.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.standing import NOISE, Column, standing
from benchmarks.tables import NONE, figure, measured, paragraphs, reasons, skipped, table

Data = Mapping[str, Any]
# Other ways to run a program are shown as multiples of this one.
REFERENCE = "pymode-library"


def programs(data: Data) -> list[str]:
    """Return the names of the programs that any peer ran or skipped, in their order."""
    found = dict.fromkeys(name for peer in data["peers"].values() for name in peer)
    return [name for name in found if name != "title"]


def bar(row: Data) -> str:
    """Return the bar that a figure has to meet and whether it does, or nothing."""
    if "bar" not in row:
        return ""
    [(kind, limit)] = row["bar"].items()
    met = row["value"] <= limit if kind == "most" else row["value"] >= limit
    sign = "≤" if kind == "most" else "≥"
    return f"{sign} {figure(limit, row['unit'])}" + ("" if met else ", missed")


def median_row(title: str, entry: Data) -> dict[str, Any]:
    """Return a median of the section "latency" in the shape of a row of the section "scale"."""
    row = {"what": title, "unit": "ms", "value": entry["median_ms"]}
    return row | ({"bar": entry["bar"]} if "bar" in entry else {})


def program_table(data: Data, program: str) -> str:
    """Return the times of one program by peer, and where pymode stands in them."""
    entries = {name: peer[program] for name, peer in data["peers"].items() if program in peer}
    timed = measured(entries)
    reference = timed.get(REFERENCE, {}).get("median_ms")
    rows = []
    for name, entry in entries.items():
        title = data["peers"][name]["title"]
        if name not in timed:
            rows.append([title, "skipped", *[NONE] * 4])
            continue
        times = [figure(entry[key]) for key in ("median_ms", "p95_ms", "p99_ms")]
        ratio = figure(entry["median_ms"] / reference) if reference else NONE
        rows.append([title, *times, ratio, figure(entry["times"])])
    header = ("", "median ms", "p95 ms", "p99 ms", f"median / {REFERENCE}", "calls")
    columns = (
        Column(key[:-3], {name: entry[key] for name, entry in timed.items()}, "ms", noise=NOISE)
        for key in ("median_ms", "p95_ms", "p99_ms")
    )
    bars = "; ".join(
        f"{name} {bar(median_row(program, entry))}"
        for name, entry in timed.items()
        if "bar" in entry
    )
    return paragraphs(
        [
            table(header, rows),
            skipped(reasons(entries)),
            standing(columns),
            f"Bar that the project set itself for the median: {bars}." if bars else "",
        ]
    )


def latency(data: Data) -> str:
    """Return a table for each program."""
    parts = [
        f"Document: {data['document']}, {data['operations']:,} operations. Peers take turns within "
        "one run.",
        skipped(data.get("skipped", {})),
        "![median latency by program and peer](latency.svg)",
    ]
    for program in programs(data):
        parts += [f"### {program}", program_table(data, program)]
    return paragraphs(parts)


def scale(data: Data) -> str:
    """Return start, memory and load, then throughput."""
    rows = data["rows"]
    shown = table(
        ("what", "peer", "measured", "bar"),
        ([row["what"], row["peer"], figure(row["value"], row["unit"]), bar(row)] for row in rows),
    )
    columns = (
        Column(
            what,
            {row["peer"]: row["value"] for row in rows if row["what"] == what},
            next(row["unit"] for row in rows if row["what"] == what),
            most=any(row["unit"].endswith("/s") for row in rows if row["what"] == what),
            noise=NOISE,
        )
        for what in dict.fromkeys(row["what"] for row in rows)
    )
    barred = [row for row in rows if "bar" in row]
    missed = [row["what"] for row in barred if "missed" in bar(row)]
    bars = f"Bars that the project set itself: {len(barred) - len(missed)} of {len(barred)} met" + (
        f"; missed: {', '.join(missed)}." if missed else "."
    )
    load = data.get("throughput")
    parts = [shown, skipped(data["skipped"]), standing(columns), bars]
    if load:
        parts += ["### Throughput, calls a second with so many callers", throughput(load)]
    return paragraphs(parts)


def throughput(data: Data) -> str:
    """Return calls a second by peer, program and number of callers."""
    rates = {
        (name, program): rate
        for name, entry in measured(data).items()
        for program, rate in measured(entry).items()
    }
    callers = list(dict.fromkeys(count for rate in rates.values() for count in rate))
    ran = list(dict.fromkeys(program for _, program in rates))
    rows = (
        [program, name, *(figure(rates[name, program].get(count)) for count in callers)]
        for program in ran
        for name in data
        if (name, program) in rates
    )
    columns = (
        Column(
            f"{program} with {count}",
            {
                name: rate[count]
                for (name, its), rate in rates.items()
                if its == program and count in rate
            },
            "calls/s",
            most=True,
            noise=NOISE,
        )
        for program in ran
        for count in callers
    )
    header = ("program", "peer", *(f"with {count}" for count in callers))
    picture = "![calls a second by number of callers](throughput.svg)"
    return paragraphs([picture, table(header, rows), skipped(reasons(data)), standing(columns)])


def is_held(outcome: Data) -> bool:
    """Return whether an attack was stopped and left the next call and the host as they were."""
    stopped = not outcome["stopped_by"].startswith("nothing")
    return stopped and outcome["next_call"] == "fine" and outcome["host"] == "alive"


def tell(outcome: Data) -> str:
    """Return what stopped an attack, and what is not as it was before."""
    parts = [f"{outcome['stopped_by']}, {figure(outcome['seconds'], 's')}"]
    if outcome["next_call"] != "fine":
        parts.append(f"next call: {outcome['next_call']}")
    if outcome["host"] != "alive":
        parts.append(f"host {outcome['host']}")
    return "; ".join(parts)


def limits_held(data: Data) -> str:
    """Return what stopped each attack and what it left behind, and how many each peer held."""
    attacks, peers = data["attacks"], data["peers"]
    rows = (
        [attack["title"], *(tell(peer[attack["id"]]) for peer in peers.values())]
        for attack in attacks
    )
    held = {
        name: sum(is_held(peer[attack["id"]]) for attack in attacks) for name, peer in peers.items()
    }
    counts = ", ".join(f"{name} {count} of {len(attacks)}" for name, count in held.items())
    return paragraphs(
        [
            f"Each sandbox was given {figure(data['seconds'])} s and "
            f"{data['memory_bytes'] >> 20} MiB for a call, where it takes such limits. A cell "
            "tells what stopped the attack and after how long. Where it tells no more, the next "
            "call was fine and the host process lived.",
            table(("attack", *(peer["title"] for peer in peers.values())), rows, numbers=False),
            skipped(data["skipped"]),
            f"Held: {counts}. An attack that nothing stopped is not held.",
            standing([Column("attacks held", held, most=True)]),
        ]
    )
