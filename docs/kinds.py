"""The page on kinds: what each can do and how, from the kinds themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
SAMPLES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Connection": [("", {"name": "n"})],
    "FieldGroup": [("", {"title": "t"})],
    "Schema": [("", {"title": "t"})],
    "Descriptor": [("", {"@type": "t"})],
    "Dataset": [("", {"name": "n"})],
    "SourceConnection": [("", {"name": "n"})],
    "TargetConnection": [
        (" of a source", {"name": "n", "connectionSpec": {"id": LAKE}}),
        (" of a destination", {"name": "n"}),
    ],
    "AdHocSchema": [("", {"name": "n"})],
    "MappingSet": [("", {"mappings": []})],
    "Flow": [
        ("", {"name": "n"}),
        (" of a dataset export", {"name": "n", "scheduleParams": {"timeUnit": "day"}}),
    ],
}
MORE = {  # what decides besides the rules, by name
    "FieldGroup": ("what takes a field away, retypes or narrows it", "", "when no schema uses it"),
    "Schema": ("what takes a part away, or leaves Profile", "", "never in Profile"),
    "Dataset": ("", "", ""),
    "Flow": ("a `startTime` that has passed", "; state by actions", ""),
    "MappingSet": ("", ", then the flow's pin", ""),
    "Descriptor": ("", " of the whole", "not the primary identity of a schema in Profile"),
}
HEAD = """<!-- Written by docs/kinds.py; change the code and run ./run docs. -->

# Kinds

What the platform has, how each kind is made, changed and taken away, and what cannot change in place. Every line is
proven on the emulator over HTTP: all examples are applied, each declared field
that has another legal value is changed by itself and applied, the
plan is empty after each, everything is imported into a fresh state, drift is found, and `destroy` leaves nothing but
what is named here (`tests/cli/test_every_field.py`, `test_import.py`, `test_schemas.py`, `test_file_export.py`,
`test_dataset_export.py`, `test_lifecycle.py`, `test_drift.py`).



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
    from reconciler.core.resource import Live
    from reconciler.kinds import kinds as all_kinds

    out = [HEAD, "| kind | create | update in place | forces a replace | delete | drift | import |\n"]
    out.append("| --- | --- | --- | --- | --- | --- | --- |\n")
    found = all_kinds()
    assert set(found) == set(SAMPLES), "a kind without a sample"
    for name, samples in SAMPLES.items():
        kind = found[name]
        breaking, also, when = MORE.get(name, ("", "", ""))
        for suffix, body in samples:
            update = kind.update(Live("ID", {}), [{"op": "replace", "path": "/name", "value": "x"}], body)
            rules = kind.rules(body)
            fixed = ", ".join(f"`{item}`" if item else "anything" for item in rules.immutable)
            free = ", ".join(f"`{item}`" for item in rules.mutable_exceptions if item != "/state")
            forces = "; ".join(filter(None, [fixed + (f" but {free}" if free else ""), breaking])) or "nothing"
            gone = kind.delete("ID")
            delete = f"`{gone.brief()}`{', ' + when if when else ''}" if gone else "forgotten"
            if kind.retain_on_delete:
                delete = f"forgotten; if allowed {delete}"
            drift = "not read" if kind.write_once else "through its flow" if name == "MappingSet" else "yes"
            out.append(
                f"| {name}{suffix} | `{kind.create(body).brief()}` | `{update[0].brief()}`{also} | {forces} "
                f"| {delete} | {drift} | yes |\n"
            )
    out += [NOTES, "\n## How lists and units are compared\n\n", *_rules(found)]
    return "".join(out)


def _rules(found: Any) -> Iterator[str]:
    yield "| kind | a set, by the key | sent as a whole | not shown by the platform |\n| --- | --- | --- | --- |\n"
    for name, samples in SAMPLES.items():
        for suffix, body in samples:
            rules = found[name].rules(body)
            sets = ", ".join(f"`{item.pattern}` by `{item.key}`" for item in rules.associative_lists)
            whole = ", ".join(f"`{item}`" for item in rules.atomic or ())
            hidden = ", ".join(f"`{item}`" for item in rules.write_only)
            if sets or whole or hidden:
                yield f"| {name}{suffix} | {sets} | {whole} | {hidden} |\n"
