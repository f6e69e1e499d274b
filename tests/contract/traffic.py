"""Everything that went over the wire in the tests, held against the published descriptions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol
from urllib.parse import parse_qsl

from tests.contract.descriptions import (
    FOLDER,
    Finding,
    Operation,
    answer_findings,
    descriptions,
    operations,
    request_findings,
)
from tests.contract.deviations import DEVIATIONS


class Exchange(Protocol):
    """What a request and its answer must have to be checked."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    status: int
    answer: Any


_DIGITS = str.maketrans("0123456789abcdef", "0" * 16)


class Coverage:
    """Which operations and answers were seen to fit, and which deviations were needed."""

    def __init__(self) -> None:
        self.requests: set[tuple[str, str, str]] = set()
        self.answers: set[tuple[str, str, str, int]] = set()
        self.forgiven: Counter[int] = Counter()
        self._seen: set[str] = set()

    def dump(self) -> list[Any]:
        """Return what was seen as plain values, for another process to add."""
        return [[list(item) for item in self.requests], [list(item) for item in self.answers], dict(self.forgiven)]

    def add(self, dumped: list[Any]) -> None:
        """Add what another process has seen."""
        requests, answers, forgiven = dumped
        self.requests |= {tuple(item) for item in requests}
        self.answers |= {tuple(item) for item in answers}
        self.forgiven.update({int(index): count for index, count in forgiven.items()})

    def check(self, exchanges: Iterable[Exchange], *, requests: bool = True) -> list[str]:
        """Return what does not fit and is not forgiven; requests that no description knows are passed by."""
        if not FOLDER.is_dir():
            return []
        problems = []
        for exchange in exchanges:
            known = operations(exchange.method, exchange.path)
            if known and exchange.status and not self._repeated(exchange):
                problems += self._check_one(exchange, known, requests=requests)
        return problems

    def _repeated(self, exchange: Exchange) -> bool:
        """The same words, but for ids and times, need one look only."""
        told = json.dumps([exchange.body, exchange.answer], sort_keys=True)
        shape = told.translate(_DIGITS)
        key = f"{exchange.method} {exchange.path.count('/')} {exchange.query} {exchange.status} {shape}"
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def _check_one(self, exchange: Exchange, known: tuple[Operation, ...], *, requests: bool) -> list[str]:
        """One description that fits is enough; of several that do not, the one with the fewest findings is told."""
        problems = []
        if requests and exchange.status < 400:
            query = [name for name, _ in parse_qsl(exchange.query, keep_blank_values=True)]
            findings = {one: request_findings(one, exchange.headers, query, exchange.body) for one in known}
            problems += self.verdict(findings)
            self.requests |= {(one.file, one.method, one.path) for one in known}
        answers = {
            one: answer_findings(one, exchange.status, None if exchange.answer == "" else exchange.answer)
            for one in known
        }
        problems += self.verdict(answers)
        self.answers |= {
            (one.file, one.method, one.path, exchange.status) for one, findings in answers.items() if not findings
        }
        return problems

    def verdict(self, findings: dict[Operation, list[Finding]]) -> list[str]:
        """Return the findings of the operation that a message fits best, without those that are forgiven."""
        left = {one: [item for item in found if not self._forgiven(item)] for one, found in findings.items()}
        return [str(item) for item in min(left.values(), key=len)]

    def _forgiven(self, finding: Finding) -> bool:
        for index, deviation in enumerate(DEVIATIONS):
            if deviation.forgives(finding):
                self.forgiven[index] += 1
                return True
        return False


SESSION = Coverage()
"""What one run of the tests has seen."""


def summary() -> str:
    """Return a line on the operations and answers seen to fit, and the deviations that nothing needed."""
    every = [operation for item in descriptions().values() for operation in item.operations]
    asked = {(one.file, one.method, one.path) for one in every} & SESSION.requests
    answered = {item[:3] for item in SESSION.answers}
    idle = sum(not SESSION.forgiven[index] for index in range(len(DEVIATIONS)))
    return (
        f"published descriptions: requests of {len(asked)}, answers of {len(answered)} of {len(every)} operations fit; "
        f"{len(SESSION.answers)} different answers; {len(DEVIATIONS)} deviations reviewed, {idle} not met in this run"
    )
