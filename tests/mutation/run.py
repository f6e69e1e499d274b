"""Change the code in small ways, one at a time, and report the changes that no test notices: `./run mutants [FILE …]`.

FILE is a file or a folder below reconciler/, as in `core/compare/diff.py` or `engine`. Without one, each of `FILES` is
changed. survivors.yaml lists the mutants of these that survive, each with a reason. A survivor that is not listed is an
error, and so is a score below `LEAST`. `RECONCILER_GOLDEN=1` rewrites the list; then give each new survivor its reason,
or a test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from mutmut.mutation.diff_apply import get_diff_for_mutant

ROOT = Path(__file__).parent.parent.parent
FILES = (
    "core/compare/diff.py",
    "core/plan/planner.py",
    "core/plan/steps.py",
    "engine/settle.py",
    "engine/namesakes.py",
    "engine/apply.py",
    "engine/executor.py",
    "api/retry.py",
    "stores/local.py",
    "stores/store.py",
)
LEAST = 85.0
"""Per cent of the mutants of a file that the tests must kill."""
SURVIVORS = Path(__file__).parent / "survivors.yaml"
HEAD = "# The mutants that no pure test kills, each with the reason why that is right: ./run mutants\n"
SURVIVED = {0: "survived", 5: "no tests", 33: "no tests"}
"""How mutmut notes, by exit code, what was not killed; a time-out is a kill: the tests would never end."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change that no test noticed: in which function, from which line to which."""

    file: str
    function: str
    was: str
    now: str


def _meta(file: str) -> dict[str, int | None]:
    """Return mutmut's results of one file: the exit code of the tests by the name of the mutant."""
    found: dict[str, int | None] = json.loads((ROOT / "mutants/reconciler" / f"{file}.meta").read_text())[
        "exit_code_by_key"
    ]
    return found


def _chosen(words: Sequence[str]) -> list[str]:
    """Return the files that the command line names."""
    chosen: list[str] = []
    for word in words:
        path = ROOT / "reconciler" / word.removeprefix("reconciler/")
        if not path.exists():
            sys.exit(f"reconciler/{word} does not exist")
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        chosen += [str(item.relative_to(ROOT / "reconciler")) for item in files if item.name != "__init__.py"]
    return chosen or list(FILES)


def _run(files: Sequence[str]) -> None:
    """Let mutmut try every mutant of the files; its output goes to a log: it is megabytes."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    names = [f"reconciler.{file.removesuffix('.py').replace('/', '.')}.*" for file in files]
    (ROOT / "mutants").mkdir()
    log = ROOT / "mutants" / "run.log"
    environment = {**os.environ, "RECONCILER_MUTANTS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("RECONCILER_GOLDEN", None)
    with log.open("wb") as handle:
        done = subprocess.run(
            [Path(sys.executable).parent / "mutmut", "run", *names],
            cwd=ROOT, env=environment, stdout=handle, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"{log.read_text(errors='replace')[-3000:]}\nmutmut ended with {done.returncode}, see {log}")


def _survivors(file: str) -> Iterator[Mutant]:
    for name, code in _meta(file).items():
        if code in SURVIVED:
            lines = get_diff_for_mutant(name).splitlines()
            was, now = (
                "\n".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))
                for sign in "-+"
            )
            function = name.rpartition("__mutmut_")[0].rpartition(".")[2].removeprefix("x_")
            yield Mutant(file, ".".join(part for part in function.split("ǁ") if part != "x"), was, now)


def _listed() -> dict[Mutant, str]:
    """Return the survivors that are known, with their reasons."""
    if not SURVIVORS.exists():
        return {}
    items = yaml.safe_load(SURVIVORS.read_text(encoding="utf-8")) or ()
    return {Mutant(item["file"], item["function"], item["was"], item["now"]): item["reason"] for item in items}


def _write(listed: dict[Mutant, str]) -> None:
    items = [
        {"file": item.file, "function": item.function, "was": item.was, "now": item.now, "reason": reason}
        for item, reason in listed.items()
    ]
    text = yaml.safe_dump(items, sort_keys=False, allow_unicode=True, width=10**6)
    SURVIVORS.write_text(HEAD + text, encoding="utf-8")


def main(words: Sequence[str]) -> int:
    """Try the mutants of some files; return the exit code."""
    os.chdir(ROOT)
    files = _chosen(words)
    _run(files)
    listed = _listed()
    found = {file: list(_survivors(file)) for file in files}
    failed = False
    for file in files:
        codes = Counter(_meta(file).values())
        total = sum(codes.values())
        killed = total - sum(codes[code] for code in SURVIVED)
        score = 100 * killed / total if total else 100.0
        low = file in FILES and score < LEAST
        failed = failed or low
        print(f"{file:24} {killed:5} of {total:5} killed  {score:5.1f} %{'  too few' if low else ''}")
    new = [item for file in files for item in found[file] if item not in listed]
    gone = [item for item in listed if item.file in found and item not in found[item.file]]
    for title, items in (("Survivors that are not in the list:", new), ("Listed, and killed now:", gone)):
        if items:
            print(title)
        for item in items:
            print(f"  {item.file}: {item.function}\n    - {item.was}\n    + {item.now}")
    judged = [item for item in new if item.file in FILES]
    if os.environ.get("RECONCILER_GOLDEN"):
        kept = {item: reason for item, reason in listed.items() if item not in gone} | dict.fromkeys(judged, "")
        _write(kept)
    return 1 if failed or judged or gone or not all(listed.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
