"""The parts of the page on kinds that are made from the rules of fields and from the rows of `kinds/selectors.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.rules import FieldRule, Reason, Rules

MEANINGS = {
    Reason.IMMUTABLE: "a change forces a replace",
    Reason.ATOMIC: "sent only as a whole",
    Reason.WRITE_ONLY: "never returned, so compared with the last applied value",
    Reason.SERVER_OWNED: "written by the platform, so left out of an export",
    Reason.PROBED: "after a change the platform is asked whether the object works",
    Reason.PARTLY_SHOWN: "sometimes left out of an answer, and then compared with the last applied value",
    Reason.RELEASED: "left as it is when it leaves the manifest, because an older version filled it in",
    Reason.INCOMPATIBLE: "this change is refused in the object as it is, and forces a replace",
}


def reasons(rules: Iterable[tuple[str, Rules]]) -> Iterator[str]:
    """Yield the table of reason codes, and of the fields of each kind (title, rules) with their code and document."""
    yield "\n## Reason codes\n\n"
    yield "A plan prints the code beside each field that forces a replace; JSON has `reasonCodes`.\n\n"
    yield "| code | |\n| --- | --- |\n"
    yield from (f"| `{reason}` | {MEANINGS[reason]} |\n" for reason in Reason)
    yield "\n| kind | field | code | from |\n| --- | --- | --- | --- |\n"
    for title, found in rules:
        groups: dict[tuple[Reason, str, tuple[str, ...], bool, tuple[str, ...]], list[FieldRule]] = {}
        for field in found.fields:
            groups.setdefault(
                (field.reason, field.doc, field.exceptions, field.merge, tuple(map(str, field.values))), []
            ).append(field)
        for (reason, doc, exceptions, merge, values), fields in groups.items():
            names = ", ".join(f"`{field.pattern}`" if field.pattern else "anything" for field in fields)
            but = f" but {', '.join(f'`{name}`' for name in exceptions)}" if exceptions else ""
            with_others = ", with what others added" if merge else ""
            only = f" of {' or '.join(f'`{value}`' for value in values)}" if values else ""
            yield f"| {title} | {names}{but}{only} | `{reason}`{with_others} | {doc} |\n"


def selectors() -> Iterator[str]:
    """Yield the table of the lists that dataflows hand out."""
    from reconciler.kinds.selectors import SELECTORS

    yield "\n## Lists that dataflows hand out\n\n"
    yield (
        "Each list is one row of `kinds/selectors.py`. *Delete* says whether guardrails count the removal of a member "
        "as a delete, *policies* the `type` of a member in `exports`, *look-up* whether a manifest may name a member "
        "instead of giving its key, *check* whether an added member is asked about before an apply.\n\n"
    )
    yield "| list | kind | key | manifest | ownership | delete | policies | look-up | check |\n"
    yield f"|{' --- |' * 9}\n"
    for row in SELECTORS:
        field = f"`{row.document_field}`" if row.document_field else ""
        owner = f"`ownership.{row.document_field}`" if row.document_field else ""
        told = f"`{row.exported_as}`" if row.exported_as else "not seen"
        lookup = row.looked_up_as and "by name"
        check = "yes" if row.check else "no"
        counts = "counts" if row.removal_counts else "does not count"
        yield (
            f"| `{row.pattern}` | {row.kind} | `{row.key}` | {field} | {owner} | {counts} | {told} "
            f"| {lookup or 'no'} | {check} |\n"
        )
