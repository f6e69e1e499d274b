"""How long the commands take with 100, 1,000 and 10,000 dataflows, as ratios to floors measured in the same run.

Run it with `./run bench-scale [COUNT …]`; it writes docs/benchmarks.md and its plot. The emulator runs in another
process and answers 20 ms later than it could. Floors are what a bare client must do for the same result: the same
lists (pages of one kind in sequence, kinds side by side) or creates at the same parallelism, and one bare pass of
YAML's C parser over the manifests.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peers
from floors import create_floor, export_floor, read_floor, seconds, yaml_floor
from page import LATENCY, page, plot, processor

TOOL = str(Path(sys.executable).parent / "reconciler")
PER_FILE = 10

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
    row("export", found.run("export", "--out", "../export"), seconds(export_floor(found.url)))
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
