"""Every boundary of an apply, and a process killed at it with SIGKILL: what the next apply makes of it.

`./run kill-matrix [SCENARIO …]` prints the table; `test_kills.py` holds it. Boundaries are counted in a run left
alone, then each is killed at in a sandbox and a state folder of its own:

sending    the intent is in the journal, the request is not sent       committed  the server did it, no answer came
answered   the answer is read, nothing is written of it                journal    half of what is appended is written
state      the new state file is written, not yet in its place

Clocks disagree: that of the platform is behind or ahead, its answers have no Date header, or the local clock steps
between the killed run and the next one. The tests give each boundary one of `CLOCKS` in turn, the table has them all.

With the state on a server (`tests/stores`) an entry or a state is there whole, and its writer dies before it knows.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reconciler.core.state.model import State
from reconciler.emulator.options import Options
from reconciler.stores.local import local_store
from tests.conftest import ROOT, SECRETS, Request, Server, serve
from tests.forks import Forks, Running, forks

MOMENTS = ("sending", "committed", "answered", "journal", "state")
KILLER = """
import os, signal, sys
from pathlib import Path
from reconciler.__main__ import run
from reconciler.api.client import Client
import importlib
module, _, name = os.environ["MEDIUM"].partition(":")
Medium = getattr(importlib.import_module(module), name)
local = name == "Folder"
moment, number, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
seen = {"requests": 0, "journal": 0, "state": 0}
from reconciler.app.platform import SystemClock
now = SystemClock.now
SystemClock.now = lambda self: now(self) + int(os.environ["STEP"]) * 1000
def at(what, *moments):
    seen[what] += 1
    return seen[what] == number and moment in moments
def die():
    os.kill(os.getpid(), signal.SIGKILL)
send, append, write = Client.send, Medium.add, Medium._write if local else Medium.save
async def dying(self, call, **options):
    if call.safe and call.method != "DELETE":
        return await send(self, call, **options)
    mine = at("requests", "sending", "answered")
    if mine and moment == "sending":
        die()
    reply = await send(self, call, **options)
    if mine:
        die()
    return reply
def torn(self, lines, after):
    mine = at("journal", "journal")
    append(self, lines[: len(lines) // 2] if mine and local else lines, after)
    if mine:
        die()
def half(self, state):
    mine = at("state", "state")
    if mine and local:
        Path.replace = lambda *_: die()
    done = write(self, state)
    if mine:
        die()
    return done
Client.send, Medium.add = dying, torn
setattr(Medium, "_write" if local else "save", half)
code = run(arguments)
print("SEEN", seen["requests"], seen["journal"], seen["state"])
sys.exit(code)
"""


@dataclass(frozen=True)
class Scenario:
    """An example that is applied; after `edit`, if there is one, it is applied once more, and that apply is killed.

    With `imports` the state is lost before that, and lines of the project file import the objects.
    """

    name: str
    example: str
    edit: tuple[str, str] | None = None
    options: tuple[str, ...] = ()
    imports: bool = False


@dataclass(frozen=True)
class Clocks:
    """How clocks disagree: seconds that the platform's is ahead, and that the local one is ahead in the killed run."""

    name: str = "right"
    skew: float = 0.0
    step: int = 0
    dated: bool = True

    def options(self) -> Options:
        """Return the switches of an emulator with this clock."""
        return Options(clock_skew=self.skew, date_header=self.dated)


CLOCKS = (
    *(Clocks(f"platform {skew:+} s", skew) for skew in (-5, -60, -3600, 5, 60, 3600)),
    *(Clocks(f"platform {skew:+} s, no Date", skew, dated=False) for skew in (-5, 3600)),
    *(Clocks(f"local {step:+} s, then right", step=step) for step in (-3600, -40, 40, 3600)),
    *(Clocks(f"local {step:+} s, then right, no Date", step=step, dated=False) for step in (-5, 5)),
)


SCENARIOS = {
    item.name: item
    for item in (
        Scenario("customer-io", "customer-io"),
        Scenario("kinesis", "kinesis"),
        Scenario("batch", "snowflake"),
        Scenario("replace", "snowflake", ("PUBLIC.PURCHASES", "PUBLIC.ORDERS")),
        Scenario("schemas, staged", "http-api", None, ("--staged",)),
        Scenario("imports", "customer-io", ("Streaming Dataflow", "Another Dataflow"), imports=True),
        Scenario("mapping", "sftp-orders", ("order.total", "order.sum")),
    )
}


@dataclass(frozen=True)
class Row:
    """One boundary and how it ended: an empty text when all was recovered."""

    scenario: str
    moment: str
    number: int
    clocks: str
    found: str


class Place(Protocol):
    """Where the state is, when not in a folder."""

    settings: dict[str, Any]
    values: dict[str, str]
    medium: str
    """Its class, as `module:Class`."""

    def at(self, name: str) -> Place:
        """Return a place of its own, for one case."""
        ...

    def expire(self) -> None:
        """Let time pass, until the lock of who was killed is over."""
        ...

    def read(self) -> State | None:
        """Return the state."""
        ...


def matrix(
    scenario: Scenario,
    folder: Path,
    place: Place | None = None,
    clocks: Sequence[Clocks] = (Clocks(),),
    moments: Sequence[str] = MOMENTS,
) -> Iterator[Row]:
    """Yield a row for each boundary of `scenario`, with one of `clocks` in turn.

    Everything happens below `folder`, but for a state in `place`.
    """
    with forks() as runner, ExitStack() as stack:
        servers = [stack.enter_context(contextmanager(serve)(item.options())) for item in clocks]
        turns = itertools.cycle(zip(clocks, servers, strict=True))
        whole = _Case(scenario, servers[0], folder / "whole", "whole", runner, place and place.at("whole"))
        whole.prepare()
        done = whole.run("none", 0)
        assert done.returncode == 0, done.stderr
        counts = dict(
            zip(("requests", "journal", "state"), map(int, done.stdout.split("SEEN ")[1].split()), strict=True)
        )
        wanted = whole.objects()
        for moment in moments:
            for number in range(1, counts[moment if moment in counts else "requests"] + 1):
                name = f"{moment}-{number}"
                clock, server = next(turns)
                case = _Case(scenario, server, folder / name, name, runner, place and place.at(name), clock.step)
                outcome = case.outcome(moment, number, wanted, whole.addresses())
                yield Row(scenario.name, moment, number, clock.name, outcome)
                shutil.rmtree(case.folder)


@dataclass
class _Case:
    scenario: Scenario
    server: Server
    folder: Path
    sandbox: str
    forks: Forks
    place: Place | None = None
    step: int = 0

    def prepare(self) -> None:
        """Bring the project to where the apply that is killed begins."""
        shutil.copytree(ROOT / "examples" / self.scenario.example, self.folder, ignore=shutil.ignore_patterns("state"))
        if self.place is not None:
            assert not (self.folder / "reconciler.yaml").exists()
            head = {"apiVersion": "reconciler/v1", "kind": "Project", "metadata": {"name": "killed"}}
            project = {**head, "spec": {"state": self.place.settings}}
            (self.folder / "reconciler.yaml").write_text(json.dumps(project), encoding="utf-8")
        if self.scenario.edit is not None:
            assert self.forks.run(self.folder, self.environment(), "apply", "-y").returncode == 0
            path = self.folder / f"{self.scenario.example}.yaml"
            text = path.read_text(encoding="utf-8")
            assert self.scenario.edit[0] in text
            path.write_text(text.replace(*self.scenario.edit), encoding="utf-8")
        if self.scenario.imports:
            state = local_store(self.folder / "state", "default").read()
            assert state is not None
            lines = [{"to": address, "id": entry.id} for address, entry in state.resources.items()]
            head = {"apiVersion": "reconciler/v1", "kind": "Project", "metadata": {"name": "killed"}}
            (self.folder / "reconciler.yaml").write_text(
                json.dumps({**head, "spec": {"imports": lines}}), encoding="utf-8"
            )
            shutil.rmtree(self.folder / "state")

    def outcome(self, moment: str, number: int, wanted: dict[str, int], addresses: set[str]) -> str:
        """Kill, apply again, and return what is not as it should be."""
        self.prepare()
        killed = self.run(moment, number)
        if killed.returncode == 0 and moment == "journal":
            return ""  # what waits together is appended together: this time there were fewer of them
        if killed.returncode != -signal.SIGKILL:
            return f"not killed: {killed.returncode} {killed.stderr}"
        if self.place is not None:
            self.place.expire()
        again = self.recover()
        if again.returncode not in (0, 2):
            return f"the next apply fails: {again.stderr}"
        found = self.objects()
        if found != wanted:
            return f"objects {found}, not {wanted}"
        if self.addresses() != addresses:
            return f"the state holds {sorted(self.addresses())}"
        if again.returncode == 2:
            return "the next plan is not empty"
        left = [path.name for path in (self.folder / "state").glob("*.journal")]
        return f"{left} is left over" if left else ""

    def recover(self) -> subprocess.CompletedProcess[str]:
        """Apply again and, when that went well, plan: the exit code is 2 when the plan is not empty."""
        apply = ["apply", "-y", "--settle", "0.1", *self.scenario.options]
        code = (
            "import sys; from reconciler.__main__ import run; "
            f"sys.exit(run({apply!r}) or run(['plan', '--detailed-exitcode']))"
        )
        return self.forks.run(self.folder, self.environment(), code=code)

    def run(self, moment: str, number: int) -> subprocess.CompletedProcess[str]:
        """Apply in a process that dies at its boundary; for `committed` the server has it killed before it answers."""
        running = Running()
        fault = self._killing(running, number)
        if moment == "committed":
            self.server.after.append(fault)
        arguments = (moment, str(number), "apply", "-y", *self.scenario.options)
        done = self.forks.run(self.folder, self.environment(), *arguments, code=KILLER, running=running)
        if moment == "committed":
            self.server.after.remove(fault)
        return done

    def _killing(self, running: Running, number: int) -> Callable[[Request], Any]:
        seen = 0

        def fault(request: Request) -> Any:
            nonlocal seen
            asks = request.method == "GET" or request.path.endswith(("/validate", "/token/v3"))
            seen += not asks
            if not asks and seen == number:
                os.kill(running.pid, signal.SIGKILL)
                return "drop"
            return None

        return fault

    def environment(self) -> dict[str, str]:
        """Return what a user would set, with a sandbox for this case alone."""
        values = self.place.values if self.place else {}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AEP_", "RECONCILER_"))}
        return {
            **clean, **SECRETS, "AEP_PLATFORM_URL": self.server.url, "AEP_ACCESS_TOKEN": "t", "AEP_API_KEY": "key",
            "AEP_ORG_ID": "ORG@AdobeOrg", "AEP_SANDBOX": self.sandbox, "RECONCILER_FINGERPRINT_KEY": "key",
            "PYTHONPATH": str(ROOT), "STEP": str(self.step),
            "MEDIUM": self.place.medium if self.place else "reconciler.stores.local:Folder",
            **{f"RECONCILER_SECRET_{name.upper()}": value for name, value in values.items()},
        }  # fmt: skip

    def objects(self) -> dict[str, int]:
        """Return how many objects of each kind there are in the sandbox."""
        kinds = (
            "connections", "sourceConnections", "targetConnections", "flows", "mappingSets", "schemas", "fieldgroups",
            "descriptors", "dataSets",
        )  # fmt: skip
        tenant = f"ORG@AdobeOrg\x1f{self.sandbox}"
        return {kind: count for kind in kinds if (count := self.server.storage.count(tenant, kind))}

    def addresses(self) -> set[str]:
        """Return what the state holds, intents and old objects too."""
        state = (self.place or local_store(self.folder / "state", "default")).read()
        assert state is not None
        old = {f"{name} (old)" for name, entry in state.resources.items() if entry.deposed}
        return set(state.resources) | old | {f"{name} (pending)" for name in state.pending}


def main() -> int:
    """Print the table, of all scenarios or the named ones; return 1 when a boundary was not recovered from."""
    import tempfile

    lost = 0
    for name, clocks in itertools.product(sys.argv[1:] or SCENARIOS, (Clocks(), *CLOCKS)):
        with tempfile.TemporaryDirectory() as folder:
            for row in matrix(SCENARIOS[name], Path(folder), clocks=(clocks,)):
                boundary = f"{row.scenario:<16} {row.clocks:<32} {row.moment:<10} {row.number:>3}"
                print(f"{boundary}  {row.found or 'recovered'}", flush=True)
                lost += bool(row.found)
    print("all recovered" if not lost else f"{lost} NOT RECOVERED")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
