"""Reads the prose of the repository, and compares the findings with those that were open before.

The baseline lists each open finding by rule and words, without its file: a file may be renamed, split or moved, a
sentence that is written or rewritten must be clean.
"""

from __future__ import annotations

import bisect
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.prose.extract import Kind, blocks
from tests.prose.rules import QUOTED, RULES, Rule

ROOT = Path(__file__).resolve().parents[2]
BASELINE = Path(__file__).with_name("baseline.txt")
FOLDERS = (".ci", ".github", "benchmarks", "docs", "examples", "reconciler", "specs", "tests")
OUTPUTS = ("tests/unit/golden/",)  # written by the code under test: its sources are read instead
MANY = 1 << 60
WORDS = 4  # words of the sentence on each side of a phrase that identify a finding

Key = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """A phrase that breaks a rule. `line` and `column` count from 1, `context` holds the words around it."""

    path: str
    line: int
    column: int
    phrase: str
    context: str
    rule: Rule

    @property
    def key(self) -> Key:
        """Rule and words: equal for the same sentence wherever it is."""
        return self.rule.name, self.context

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{place}: {self.rule.name}: '{self.phrase}': {self.rule.advice} (in: {self.context})"


def check(path: str, source: str) -> list[Finding]:
    """Return the findings of one file in order of their place.

    Args:
        path: Path relative to the repository.
        source: Text of the file.
    """
    lines = [match.end() for match in re.finditer(r"\n", source)]
    findings = []
    for block in blocks(path, source):
        if block.kind == "message" and path.startswith("tests/"):
            continue  # test data: expected messages follow their source
        text, gaps = squeeze(block.text)
        for rule, start, end in matches(text, block.kind):
            offset = block.start + start + gaps[bisect.bisect_right(gaps, (start, MANY)) - 1][1]
            line = bisect.bisect_right(lines, offset)
            column = offset - (lines[line - 1] if line else 0) + 1
            findings.append(Finding(path, line + 1, column, _words(text[start:end]), _context(text, start, end), rule))
    return sorted(findings, key=lambda finding: (finding.line, finding.column))


def squeeze(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the text with single spaces, and for each place from which on offsets differ, by how much they do."""
    parts, gaps, at, removed, length = [], [(0, 0)], 0, 0, 0
    for match in re.finditer(r" {2,}", text):
        parts.append(text[at : match.start() + 1])
        length += match.start() + 1 - at
        removed += len(match[0]) - 1
        gaps.append((length, removed))
        at = match.end()
    return "".join(parts) + text[at:], gaps


def matches(text: str, kind: Kind) -> Iterator[tuple[Rule, int, int]]:
    """Yield each rule with the start and end of a phrase that breaks it, as offsets in the squeezed text."""
    for rule, pattern in _compiled():
        if kind in rule.kinds:
            for match in pattern.finditer(text):
                if text.startswith(QUOTED, match.start()):
                    continue
                lead = re.match(r"[\s.!?)\"',;:}]*(?=[\w`'{!])", match[0])
                yield rule, match.start() + (lead.end() if lead else 0), match.end()


@cache
def _compiled() -> list[tuple[Rule, re.Pattern[str]]]:
    return [(rule, rule.compiled()) for rule in RULES]


def _words(text: str) -> str:
    return re.sub(r"_+", "_", " ".join(text.split()))


def _context(text: str, start: int, end: int) -> str:
    """Return the phrase with some words of its sentence on each side."""
    before = re.split(r"\n|(?<=[.!?]) ", text[max(0, start - 200) : start])[-1]
    after = re.split(r"\n|(?<=[.!?]) ", text[end : end + 200])[0]
    head = re.search(rf"(?:\S+ ?){{0,{WORDS}}}$", before)
    tail = re.match(rf"\S*(?: ?\S+){{0,{WORDS}}}", after)
    return _words((head[0] if head else "") + text[start:end] + (tail[0] if tail else ""))


def paths(root: Path = ROOT) -> Iterator[str]:
    """Yield the files with prose, relative to the root, sorted; caches and outputs are left out."""
    files = [entry.name for entry in os.scandir(root) if entry.is_file()]
    for folder in FOLDERS:
        for base, folders, names in os.walk(root / folder):
            folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
            files += [(Path(base) / name).relative_to(root).as_posix() for name in names]
    return iter(sorted(file for file in files if not file.startswith(OUTPUTS)))


def check_all(root: Path = ROOT) -> list[Finding]:
    """Return the findings of every file, sorted by place."""
    findings = []
    for path in paths(root):
        try:
            source = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        findings += check(path, source)
    return findings


def read_baseline() -> Counter[Key]:
    """Return how often each open finding is allowed. Each line holds a rule and the words; repeated lines count."""
    lines = BASELINE.read_text(encoding="utf-8").splitlines() if BASELINE.exists() else []
    return Counter((rule, context) for rule, _, context in (line.partition(": ") for line in lines if line))


def write_baseline(keys: Iterable[Key]) -> None:
    """Write the open findings, one a line, sorted."""
    BASELINE.write_text("".join(sorted(f"{rule}: {context}\n" for rule, context in keys)), encoding="utf-8")


def compare(findings: Sequence[Finding], baseline: Counter[Key]) -> tuple[list[Finding], Counter[Key]]:
    """Return the findings beyond the baseline, and the keys of the baseline beyond the findings."""
    left = baseline.copy()
    new = []
    for finding in findings:
        left[finding.key] -= 1
        if left[finding.key] < 0:
            new.append(finding)
    return new, +left
