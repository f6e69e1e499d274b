"""How long the commands take with 100, 1,000 and 10,000 dataflows, as ratios to floors measured in the same run.

Run it with `./run bench-scale [COUNT …]`; it writes docs/benchmarks.md and its plot. The emulator runs in another
process and answers 20 ms later than it could. Floors are what a bare client must do for the same result: the same
lists (pages of one kind in sequence, kinds side by side) or creates at the same parallelism, and one bare pass of
YAML's C parser over the manifests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import peers
import yaml

FLOW, PREP = "/data/foundation/flowservice", "/data/foundation/conversion"
HEADERS = {"Authorization": "Bearer b", "x-api-key": "b", "x-gw-ims-org-id": "B@AdobeOrg", "x-sandbox-name": "prod"}
TOOL = str(Path(sys.executable).parent / "reconciler")
LATENCY = 0.02
PARALLELISM = 10
PER_FILE = 10
KINDS = ("flows", "sourceConnections", "targetConnections")

MANIFEST = """apiVersion: reconciler/v1
kind: SourceDataflow
metadata:
  name: events-{n:05}
  labels: {{owner: crm}}
spec:
  source:
    connector: customer-io
    data: {{format: json}}
  target:
    schema: {{id: https://ns.adobe.com/acme/schemas/0123456789abcdef}}
    dataset: {{id: 63ec807d3f5ce91bd2d06c65}}
  mapping:
    - {{source: data.identifiers.cio_id, destination: _acme.cio_id}}
    - {{source: data.identifiers.email, destination: _acme.email}}
    - {{source: event_id, destination: _acme.event_id}}
    - {{source: timestamp, destination: _acme.brand{n}.timestamp}}
  flow:
    description: Events of brand {n}
"""


@dataclass
class Run:
    """One command: seconds of wall time, peak memory in MB, requests the emulator saw."""

    seconds: float
    memory: float
    requests: int = 0


@dataclass
class Bench:
    """One count of dataflows: a project folder and an emulator in another process."""

    count: int
    folder: Path
    url: str
    launcher: Launcher
    results: dict[str, tuple[Run, dict[str, float]]] = field(default_factory=dict)

    @property
    def manifests(self) -> Path:
        return self.folder / "project"

    def write(self) -> None:
        """Write the manifests, ten in a file."""
        self.manifests.mkdir()
        for start in range(0, self.count, PER_FILE):
            documents = [MANIFEST.format(n=n) for n in range(start, min(start + PER_FILE, self.count))]
            (self.manifests / f"part-{start // PER_FILE:05}.yaml").write_text("---\n".join(documents), encoding="utf-8")

    def run(self, *args: str, codes: tuple[int, ...] = (0,)) -> Run:
        """Run the tool in a process of its own and measure it."""
        env = {**os.environ, "AEP_PLATFORM_URL": self.url, "AEP_ACCESS_TOKEN": "b", "AEP_API_KEY": "b",
               "AEP_ORG_ID": "B@AdobeOrg", "AEP_SANDBOX": "prod"}  # fmt: skip
        before = self.seen()
        code, taken, memory, said = self.launcher.run([TOOL, *args], str(self.manifests), env)
        if code not in codes:
            sys.exit(f"reconciler {' '.join(args)} ended with {code}: {said[-2000:]}")
        scale = 1 if sys.platform == "darwin" else 1024
        return Run(taken, memory * scale / 1e6, self.seen() - before)

    def seen(self) -> int:
        """Return how many requests the emulator has answered: a line each in its log."""
        with (self.folder / "requests.log").open("rb") as log:
            return sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))

    def texts(self) -> list[str]:
        """Return the manifests."""
        return [path.read_text(encoding="utf-8") for path in sorted(self.manifests.glob("*.yaml"))]


LAUNCHER = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    command, folder, env = json.loads(line)
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.perf_counter() - began
    print(json.dumps([os.waitstatus_to_exitcode(status), taken, usage.ru_maxrss, said]), flush=True)
"""


class Launcher:
    """A small process that starts the commands: what the system says of a child's memory begins with its parent's."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, command: list[str], folder: str, env: dict[str, str]) -> tuple[int, float, int, str]:
        """Run a command; return its exit code, seconds, peak memory as the system counts it, and stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, folder, env]) + "\n")
        self._process.stdin.flush()
        code, taken, memory, said = json.loads(self._process.stdout.readline())
        return code, taken, memory, said

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextlib.contextmanager
def bench(count: int) -> Iterator[Bench]:
    """Serve an emulator for one count, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fault = f"do=latency,seconds={LATENCY},times=0"
        command = [TOOL, "emulator", "--port", "0", "--log", str(folder / "requests.log"), "--fault", fault]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert server.stdout is not None
        try:
            url = next(word for line in server.stdout for word in line.split() if word.startswith("http://"))
            (folder / "requests.log").touch()
            found = Bench(count, folder, url.rstrip("/.,;"), Launcher())
            found.write()
            try:
                yield found
            finally:
                found.launcher.close()
        finally:
            server.terminate()
            server.wait()


# -- floors ----------------------------------------------------------------------------------------------------------
def client(url: str, sandbox: str = "prod") -> httpx.AsyncClient:
    """Return a bare client."""
    limits = httpx.Limits(max_connections=PARALLELISM, max_keepalive_connections=PARALLELISM)
    headers = {**HEADERS, "x-sandbox-name": sandbox}
    return httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120)


async def read_floor(url: str) -> None:
    """Page through the lists: the pages of one kind in sequence, the kinds side by side."""

    async def pages(http: httpx.AsyncClient, kind: str) -> None:
        href = f"/{kind}?limit=100"
        while href:
            answer = await http.get(FLOW + href)
            href = answer.json()["_links"].get("next", {}).get("href", "")

    async with client(url) as http:
        await asyncio.gather(*(pages(http, kind) for kind in KINDS))


async def create_floor(url: str, count: int) -> None:
    """Ask and make what the first apply of `count` dataflows asks and makes, `PARALLELISM` requests at a time."""
    slots = asyncio.Semaphore(PARALLELISM)

    async def send(http: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
        async with slots:
            answer = await http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()

    async def one(http: httpx.AsyncClient, n: int) -> None:
        rows = [{"sourceType": "ATTRIBUTE", "source": f"a{i}", "destination": f"_acme.b{n}.c{i}"} for i in range(4)]
        schema = {
            "id": "https://ns.adobe.com/acme/schemas/0123456789abcdef",
            "contentType": "application/vnd.adobe.xed-full+json;version=1",
        }
        mapping = {"outputSchema": {"schemaRef": schema}, "mappings": rows}
        await send(http, "POST", f"{PREP}/mappingSets/validate", mapping)
        source = {"name": f"s{n}", "connectionSpec": {"id": "96479064-7b8a-4d69-b9ed-21c5683837ea", "version": "1.0"},
                  "data": {"format": "json"}}  # fmt: skip
        target = {"name": f"t{n}", "connectionSpec": {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"},
                  "data": {"format": "json", "schema": {"id": schema["id"], "version": schema["contentType"]}},
                  "params": {"dataSetId": "63ec807d3f5ce91bd2d06c65"}}  # fmt: skip
        made = await asyncio.gather(
            send(http, "POST", f"{PREP}/mappingSets", mapping),
            send(http, "POST", f"{FLOW}/sourceConnections", source),
            send(http, "POST", f"{FLOW}/targetConnections", target),
        )
        params = {"mappingId": made[0]["id"], "mappingVersion": 0}
        flow = {"name": f"f{n}", "flowSpec": {"id": "e77fde5a-22a8-11ed-861d-0242ac120002", "version": "1.0"},
                "sourceConnectionIds": [made[1]["id"]], "targetConnectionIds": [made[2]["id"]],
                "transformations": [{"name": "Mapping", "params": params}]}  # fmt: skip
        ident = (await send(http, "POST", f"{FLOW}/flows", flow))["id"]
        await send(http, "GET", f"{FLOW}/flows/{ident}")

    async with client(url, "floor") as http:
        await asyncio.gather(*(one(http, n) for n in range(count)))


def yaml_floor(texts: list[str]) -> None:
    """Let YAML's C parser compose every document, and nothing else."""
    for text in texts:
        for _ in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            pass


def seconds(work: Any) -> float:
    """Return how long a call, or a coroutine, takes."""
    began = time.perf_counter()
    if asyncio.iscoroutine(work):
        asyncio.run(work)
    else:
        work()
    return time.perf_counter() - began


# -- the runs ----------------------------------------------------------------------------------------------------------
def measure(found: Bench) -> dict[str, Any]:
    """Run every command on one count and return what they took, beside their floors."""
    texts = found.texts()
    compose = min(seconds(lambda: yaml_floor(texts)) for _ in range(3))
    create = seconds(create_floor(found.url, found.count))
    others = {"aepp": peers.aepp(found.url, found.count), "terraform": peers.terraform(4 * found.count)}
    rows: dict[str, Any] = {"peers": others}

    def row(name: str, run: Run, floor: float) -> None:
        rows[name] = {"seconds": run.seconds, "floor": floor, "ratio": run.seconds / floor, "memory": run.memory,
                      "requests": run.requests}  # fmt: skip
        print(f"{found.count:>7,}  {name:<24}{run.seconds:>9.2f} s {floor:>9.2f} s {run.seconds / floor:>7.2f}"
              f"{run.memory:>9.0f} MB {run.requests:>9,}", flush=True)  # fmt: skip

    def again(*args: str, pick: Any = statistics.median_low, codes: tuple[int, ...] = (0,)) -> Run:
        """Run what changes nothing three times, as its floor was, and return the run that counts."""
        runs = [found.run(*args, codes=codes) for _ in range(3)]
        seconds_taken = pick([run.seconds for run in runs])
        return next(run for run in runs if run.seconds == seconds_taken)

    row("validate", again("validate", pick=min), compose)
    row("first apply", found.run("apply", "--auto-approve"), create)
    read = statistics.median(seconds(read_floor(found.url)) for _ in range(3))
    row("plan, no change", again("plan", "--detailed-exitcode"), read + compose)
    row("drift", again("drift"), read + compose)
    edit(found)
    row("plan, 1 % changed", again("plan", "--detailed-exitcode", codes=(2,)), read + compose)
    row("export", found.run("export", "--out", "../export"), read)
    for name, taken in others.items():
        if taken is not None:
            print(f"{found.count:>7,}  {'first apply, ' + name:<24}{taken:>9.2f} s")
    rows["manifests"] = sum(len(text) for text in texts)
    return rows


def edit(found: Bench) -> None:
    """Change the description of one dataflow in a hundred."""
    for path in sorted(found.manifests.glob("*.yaml"))[:: 100 // PER_FILE]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("Events of brand", "All events of brand", 1), encoding="utf-8")


# -- what came of it -------------------------------------------------------------------------------------------------
COMMANDS = ("validate", "first apply", "plan, no change", "plan, 1 % changed", "drift", "export")
FLOORS = {
    "validate": "YAML's C parser over the same files",
    "first apply": "a bare client, the same questions, creates and reads, as many at once",
    "plan, no change": "a bare client paging through the lists, and the C parser",
    "plan, 1 % changed": "the same",
    "drift": "the same",
    "export": "a bare client paging through the lists",
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
    counts = sorted(results)[-2:]
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


def main() -> None:
    """Measure every count; without counts of its own, write the page."""
    given = [int(item) for item in sys.argv[1:]]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users have compiled files, and start faster for it
    print(f"{'count':>7}  {'command':<24}{'took':>11} {'floor':>11} {'ratio':>7}{'memory':>12} {'requests':>9}")
    results = {}
    for count in given or [100, 1000, 10000]:
        with bench(count) as found:
            results[count] = measure(found)
    if not given:
        docs = Path(__file__).parent.parent / "docs"
        (docs / "benchmarks.md").write_text(page(results, processor()), encoding="utf-8")
        (docs / "benchmarks.svg").write_text(plot(results), encoding="utf-8")


if __name__ == "__main__":
    main()
