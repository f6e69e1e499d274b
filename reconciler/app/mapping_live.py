"""Compare local results with the platform's own preview (`test --live`; data-prep.yaml, POST /mappingSets/preview)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.app.mapping_tests import Exercised, MappingTests, tree_of
from reconciler.core.mapping_report import differences
from reconciler.core.problems import ApiError, Problem
from reconciler.core.trees import elements
from reconciler.core.values import MISSING, Tree
from reconciler.dataprep import Outcome, Record, compile_mapping, to_json
from reconciler.dataprep.syntax import Call as FunctionCall
from reconciler.dataprep.syntax import Node, children
from reconciler.kinds.mapping_preview import output_schema_of, preview

if TYPE_CHECKING:
    from reconciler.api.client import Client

RECORDS = 20
"""Records of one request; a case with more takes several requests."""

_UNREPEATABLE = frozenset(("now", "timestamp", "uuid", "guid"))


async def compare_live(tests: MappingTests, client: Client) -> list[str]:
    """Return every difference between the local result of a record and the platform's preview of it.

    Columns that read the clock or a random ID are left out. Raises ApiError where the platform refuses the request.
    """
    found: list[str] = []
    ids = _schema_ids(tests)
    for one in tests.cases:
        exercised = tests.exercised(one.test)
        schema = output_schema_of(exercised.mapping.body, ids)
        # where the platform does not know the schema yet, neither side converts values to the types of its fields
        compiled = exercised.compiled if schema else compile_mapping(exercised.mapping.rows)
        given = iter(tests.records(one))
        sent = 0
        while records := list(islice(given, RECORDS)):
            answers = await _previews(client, exercised, schema, records)
            for record, answer in zip(records, answers, strict=True):
                sent += 1
                outcome = compiled.apply(record, tests.context(one))
                where = f"{one.test.document} › {one.case.name}, record {sent}"
                found += [f"{where}: {text}" for text in _differences(exercised, outcome, answer)]
    return found


def _schema_ids(tests: MappingTests) -> Mapping[str, str]:
    """The ids of the schemas that were applied, by their address."""
    state = tests.session.store().read()
    return {} if state is None else {name: entry.id for name, entry in state.resources.items()}


async def _previews(
    client: Client, exercised: Exercised, schema: dict[str, Tree] | None, records: list[Record]
) -> list[dict[str, Tree]]:
    call = preview(exercised.mapping.body, schema, [to_json(dict(record)) for record in records])
    reply = await client.send(call)
    answers = reply.body if isinstance(reply.body, list) else [reply.body]
    if len(answers) != len(records) or not all(isinstance(answer, dict) for answer in answers):
        what = f"the preview has {len(answers)} of {len(records)} results ({call})"
        raise ApiError(Problem("bad-preview", what, "try fewer records, or report this to Adobe"))
    return answers


def _differences(exercised: Exercised, outcome: Outcome, answer: dict[str, Tree]) -> Iterator[str]:
    skipped = {row.destination for index, row in enumerate(exercised.mapping.rows) if _unrepeatable(exercised, index)}
    for difference in differences(answer.get("data") or {}, tree_of(outcome.record), exactly=True):
        if not any(difference.path == path or difference.path.startswith(f"{path}.") for path in skipped):
            local_words, remote_words = _words(difference.actual), _words(difference.expected)
            yield f"{difference.path} is {local_words} locally and {remote_words} in the preview"
    local = {warning.destination for warning in outcome.warnings}
    remote = {str(error.get("destination")) for error in elements(answer.get("errors")) if isinstance(error, dict)}
    for destination in sorted(local ^ remote):
        yield f"{destination} has an error {'locally' if destination in local else 'in the preview'} only"


def _words(value: Tree) -> str:
    return "missing" if value is MISSING else json.dumps(value, ensure_ascii=False)


def _unrepeatable(exercised: Exercised, row: int) -> bool:
    expression = exercised.compiled.expression(row)
    waiting: list[Node] = [expression.tree] if expression else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, FunctionCall) and node.name in _UNREPEATABLE:
            return True
        waiting.extend(children(node))
    return False
