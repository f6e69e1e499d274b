"""The page on kinds: what each can do and how, from the kinds themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules import reasons, selectors

from reconciler.core.abilities import DataHolding
from reconciler.core.kind import Kind, Kinds
from reconciler.core.resource import Call, Live
from reconciler.core.rules import Reason
from reconciler.core.values import Tree
from reconciler.kinds import kinds as all_kinds

HEAD = """<!-- Written by docs/kinds.py; change the code and run ./run docs. -->

# Kinds

What the platform has, how each kind is made, changed and taken away, and what cannot change in place. Every line is
proven on the emulator over HTTP: all examples are applied, each declared field
that has another legal value is changed by itself and applied, the
plan is empty after each, everything is imported into a fresh state, drift is found, and `destroy` leaves nothing but
what is named here (`tests/cli/test_every_field.py`, `test_import.py`, `test_schemas.py`, `test_file_export.py`,
`test_dataset_export.py`, `test_dataset_labels.py`, `test_lifecycle.py`, `test_drift.py`).



"""
NOTES = """
- A replace makes the new object first and deletes the old one last. The old flow of a replaced source dataflow is
  disabled before, and enabled again when its successor cannot be made. Titles of schemas and field groups are unique,
  so the old one gets another title first; of two primary identities the old one gives way.
- A source's source connection, target connection and flow are replaced together: a change of a connection never
  reaches a dataflow that exists. Of a destination only what changes is replaced.
- `Dataset` and `Schema` hold data: one that leaves the manifests or meets `destroy` is forgotten and stays on the
  platform, with what it needs, and a change that would replace one, or a field group, stops the plan. The annotation
  `reconciler/allow-data-loss: "true"` allows both. A schema in Profile can be neither deleted nor replaced, whatever
  is allowed.
- `DatasetLabels` exist once for each dataset. An apply takes over labels that the dataset has already, and the plan
  warns about it. Labels cannot be deleted, only emptied. Where the dataset stays on the platform, its labels stay too.
- Mapping sets and ad-hoc schemas cannot be deleted: they are forgotten, and the plan says so. A changed mapping is a
  new version of the same set; a changed ad-hoc schema is another one, and the old one stays unused.
- Drift compares declared fields only. What the platform does not show (secrets) is `unchecked`; of a mapping set
  nothing can change while its flow is pinned to the version that was applied; an ad-hoc schema never changes and is
  not read.
- An imported object's secrets are trusted until a new value, or `apply --send-secrets`, sends them.
- With `apply --staged` everything new of a source dataflow is made as a draft and published at the end, accounts
  first; a destination's flow is disabled until all else is there.
"""


def kinds() -> str:
    """Return the page."""
    out = [HEAD, "| kind | create | update in place | forces a replace | delete | drift | import |\n"]
    out.append("| --- | --- | --- | --- | --- | --- | --- |\n")
    found = all_kinds()
    for kind in found.values():
        for variant, body in kind.reference.samples.items():
            out.append(_row(kind, variant, body))
    rules_of = [
        (f"{kind.name}{variant}", kind.rules(body))
        for kind in found.values()
        for variant, body in kind.reference.samples.items()
    ]
    out += [NOTES, "\n## How lists and units are compared\n\n", *_rules(found), *reasons(rules_of), *selectors()]
    return "".join(out)


def _row(kind: Kind, variant: str, body: Tree) -> str:
    told = kind.reference
    live = Live("ID", body)
    update = kind.update(live, [{"op": "replace", "path": f"/{next(iter(body))}", "value": "x"}], body)[0]
    rules = kind.rules(body)
    immutable = rules.of(Reason.IMMUTABLE)
    fixed = ", ".join(f"`{item.pattern}`" if item.pattern else "anything" for item in immutable)
    free = ", ".join(f"`{name}`" for item in immutable for name in item.exceptions if name != "/state")
    forces = "; ".join(filter(None, [fixed + (f" but {free}" if free else ""), told.replaces])) or "nothing"
    gone = kind.delete(live)
    delete = f"`{_brief(gone)}`{', ' + told.deletes if told.deletes else ''}" if gone else "forgotten"
    if isinstance(kind, DataHolding) and kind.retain_on_delete:
        delete = f"forgotten; if allowed {delete}"
    return (
        f"| {kind.name}{variant} | `{_brief(kind.create(body))}` | `{_brief(update)}`{told.updates} | {forces} "
        f"| {delete} | {told.drift} | yes |\n"
    )


def _brief(call: Call) -> str:
    """Return a call with no id in its path but ID."""
    return re.sub(r"[0-9a-f]{24}", "ID", call.brief())


def _rules(found: Kinds) -> Iterator[str]:
    yield "| kind | a set, by the key | sent as a whole | not shown by the platform |\n| --- | --- | --- | --- |\n"
    for kind in found.values():
        for variant, body in kind.reference.samples.items():
            rules = kind.rules(body)
            sets = ", ".join(f"`{item.pattern}` by `{item.key}`" for item in rules.associative_lists)
            whole = ", ".join(f"`{item.pattern}`" for item in rules.of(Reason.ATOMIC))
            hidden = ", ".join(f"`{item.pattern}`" for item in rules.of(Reason.WRITE_ONLY))
            if sets or whole or hidden:
                yield f"| {kind.name}{variant} | {sets} | {whole} | {hidden} |\n"
