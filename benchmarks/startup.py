"""How much the command line costs before it does anything, as ratios to `python -c 'import click'` of the same run.

Run it with `./run bench`. Every contestant is started in turn, round after round, so that whatever else the machine
does hits all of them; the median of the rounds counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
HERE = Path(__file__).parent.parent
TOOL = str(Path(sys.executable).parent / "reconciler")
COMPLETION = {"_RECONCILER_COMPLETE": "bash_complete", "COMP_WORDS": "reconciler pl", "COMP_CWORD": "1"}

CONTESTANTS: dict[str, tuple[list[str], dict[str, str]]] = {
    "import click (the floor)": ([sys.executable, "-c", "import click"], {}),
    "reconciler --version": ([TOOL, "--version"], {}),
    "shell completion": ([TOOL], COMPLETION),
    "reconciler --help": ([TOOL, "--help"], {}),
    "validate, one dataflow": ([TOOL, "validate", "examples/customer-io"], {}),
    "plan, one dataflow, embedded emulator": ([TOOL, "plan", "examples/customer-io", "--emulator"], {}),
}


def once(command: list[str], extra: dict[str, str]) -> float:
    """Return the seconds one start takes."""
    began = time.perf_counter()
    subprocess.run(command, cwd=HERE, env={**os.environ, **extra}, capture_output=True, check=False)
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECONCILER_STATE_DIR"] = folder
        subprocess.run(
            [TOOL, "apply", "examples/customer-io", "--emulator", "-y"], cwd=HERE, capture_output=True, check=True
        )
        rounds = [{name: once(*what) for name, what in CONTESTANTS.items()} for _ in range(ROUNDS)]
    floor = statistics.median(times["import click (the floor)"] for times in rounds)
    print(f"{'command':<40}{'median ms':>10}{'ratio':>8}")
    for name in CONTESTANTS:
        taken = statistics.median(times[name] for times in rounds)
        print(f"{name:<40}{taken * 1000:>10.0f}{taken / floor:>8.2f}")


if __name__ == "__main__":
    main()
