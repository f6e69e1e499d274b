"""What came of the runs, for people: the page of the documentation, its tables and its plot."""

from __future__ import annotations

import contextlib
import math
import os
import platform
from pathlib import Path
from typing import Any

import mappings
import peers
from floors import PARALLELISM

LATENCY = 0.02
"""Seconds that the emulator answers later than it could."""
COMMANDS = ("validate", "first apply", "plan, no change", "plan, 1 % changed", "drift", "export")
FLOORS = {
    "validate": "YAML's C parser over the same files",
    "first apply": "a bare client, the same questions, creates and reads, as many at once",
    "plan, no change": "a bare client paging through the lists, and the C parser",
    "plan, 1 % changed": "the same",
    "drift": "the same",
    "export": "a bare client paging through the lists, and reading the mapping sets, as many at once",
}


def page(results: dict[int, dict[str, Any]], cpu: str) -> str:
    """Return docs/benchmarks.md."""
    out = [
        "<!-- Written by benchmarks/scale.py: run ./run bench-scale. -->\n",
        "# Benchmarks\n",
        "How long the commands take over many dataflows, beside floors measured in the same run: what nobody can do",
        "without who wants the same result. The ratio is what counts; seconds are those of one machine:",
        f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}.",
        "",
        f"A dataflow is four objects. The emulator runs in a process of its own and answers {LATENCY * 1000:.0f} ms",
        f"later than it could; {PARALLELISM} requests at once. A page of a list takes it 10 ms of its own on one core.",
        "A command's seconds begin with the start of Python; those of a floor do not. What changes nothing is run",
        "three times, and so is its floor: the median counts, of the C parser and `validate` the best.",
        "",
        "![Seconds by dataflows, commands and floors](benchmarks.svg)",
        "",
        "| dataflows | command | seconds | floor | ratio | requests | peak memory |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for count, rows in results.items():
        for name in COMMANDS:
            row = rows[name]
            out.append(
                f"| {count:,} | {name} | {row['seconds']:.2f} | {row['floor']:.2f} | **{row['ratio']:.2f}** "
                f"| {row['requests']:,} | {row['memory']:.0f} MB |"
            )
    out += ["", "The floors:", "", *(f"- {name}: {FLOORS[name]}" for name in COMMANDS), ""]
    out += ["Manifests: " + ", ".join(f"{count:,} dataflows are {rows['manifests'] / 1e6:.1f} MB"
                                      for count, rows in results.items()) + ".", ""]  # fmt: skip
    out += peers_page(results)
    out += linear_page(results)
    out += mappings.page()
    out += ["Run it with `./run bench-scale` (about fifteen minutes), or with counts: `./run bench-scale 100 1000`."]
    return "\n".join(out) + "\n"


def peers_page(results: dict[int, dict[str, Any]]) -> list[str]:
    """Return the table of the peers that were at hand; empty without any."""
    out = []
    for count, rows in results.items():
        cells = [_seconds(rows["peers"][name]) for name in ("aepp", "terraform")]
        if cells != ["", ""]:
            out.append(f"| {count:,} | {rows['first apply']['seconds']:.1f} | {cells[0]} | {cells[1]} |")
    if not out:
        return []
    return [
        "## Peers",
        "",
        "The first apply beside a script that makes the same objects one after another with Adobe's `aepp` client, and",
        "beside Terraform making as many of its cheapest built-in objects (`terraform_data`), with no network at all.",
        f"Peers are given up after {peers.PATIENCE} s, and not asked for more than {peers.MOST:,} dataflows.",
        "",
        "| dataflows | reconciler, s | aepp in sequence, s | terraform engine alone, s |",
        "| ---: | ---: | ---: | ---: |",
        *out,
        "",
    ]


def _seconds(taken: float | None) -> str:
    if taken is None:
        return ""
    return f"{taken:.1f}" if math.isfinite(taken) else f"not done after {peers.PATIENCE}"


def linear_page(results: dict[int, dict[str, Any]]) -> list[str]:
    """Return how the time for one more dataflow, and the memory, go with their number."""
    counts = sorted(results)[1:][-2:]  # the smallest tells what it takes to start
    if len(counts) < 2:
        return []
    few, many = (results[count] for count in counts)
    out = [
        "## Linear",
        "",
        f"Milliseconds a dataflow, from {counts[0]:,} to {counts[1]:,} dataflows, less what the command takes for",
        f"{min(results):,}: what it takes to start. Memory beside 150 MB and ten times the manifests.",
        "",
        f"| command | ms each of {counts[0]:,} | ms each of {counts[1]:,} | memory | bound |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    start = results[min(results)]
    for name in COMMANDS:
        each = [
            (rows[name]["seconds"] - start[name]["seconds"]) / (count - min(results)) * 1000
            for count, rows in zip(counts, (few, many), strict=True)
        ]
        bound = 150 + 10 * many["manifests"] / 1e6
        out.append(f"| {name} | {each[0]:.2f} | {each[1]:.2f} | {many[name]['memory']:.0f} MB | {bound:.0f} MB |")
    return [*out, ""]


def plot(results: dict[int, dict[str, Any]]) -> str:
    """Return a plot of seconds by dataflows, both logarithmic: commands whole, floors dashed."""
    wide, high, left, low = 720, 420, 60, 40
    counts = list(results)
    values = [results[count][name][key] for count in counts for name in COMMANDS for key in ("seconds", "floor")]
    bottom, top = math.log10(min(values)), math.log10(max(values))
    first, last = math.log10(counts[0]), math.log10(counts[-1])

    def place(count: int, value: float) -> str:
        x = left + (math.log10(count) - first) / ((last - first) or 1) * (wide - left - 170)
        y = high - low - (math.log10(value) - bottom) / ((top - bottom) or 1) * (high - low - 20)
        return f"{x:.1f},{y:.1f}"

    colours = ("#1a7f37", "#0969da", "#8250df", "#bf3989", "#9a6700", "#57606a")
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" '
           'aria-label="Seconds by dataflows">'
           f'<rect width="{wide}" height="{high}" fill="#fff"/><style>text {{ font: 12px sans-serif; fill: #1f2328 }}'
           "</style>"]  # fmt: skip
    for power in range(math.ceil(bottom), math.floor(top) + 1):
        y = place(counts[0], 10.0**power).split(",")[1]
        out.append(f'<path d="M{left} {y}H{wide - 170}" stroke="#d0d7de"/><text x="8" y="{y}">{10.0**power:g} s</text>')
    for count in counts:
        x = place(count, values[0]).split(",")[0]
        out.append(f'<text x="{x}" y="{high - 14}" text-anchor="middle">{count:,}</text>')
    for index, name in enumerate(COMMANDS):
        for key, dash in (("seconds", ""), ("floor", ' stroke-dasharray="4 4" opacity=".6"')):
            points = " ".join(place(count, results[count][name][key]) for count in counts)
            out.append(f'<polyline points="{points}" fill="none" stroke="{colours[index]}" stroke-width="2"{dash}/>')
        y = 40 + index * 22
        out.append(f'<path d="M{wide - 155} {y}h24" stroke="{colours[index]}" stroke-width="2"/>'
                   f'<text x="{wide - 124}" y="{y + 4}">{name}</text>')  # fmt: skip
    out.append(f'<text x="{wide - 155}" y="{40 + len(COMMANDS) * 22 + 4}">dashed: floors</text></svg>')
    return "\n".join(out) + "\n"


def processor() -> str:
    """Return what the processor calls itself."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
