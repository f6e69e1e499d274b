"""No room outside the kinds knows the name of a kind, or a field of a body."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.selector import Selector
from reconciler.kinds import kinds
from reconciler.kinds.selectors import SELECTORS

ROOT = Path(__file__).parent.parent.parent / "reconciler"
ROOMS = ("core", "engine", "render", "api", "stores", "secrets", "app", "cli")
"""`kinds` know the words, `documents` and `export` are named in them, the emulator is a second reading of them."""

FIELDS = {
    "transformations", "GeneralTransform", "selectors", "profileMapping", "primaryFields", "mandatoryFields",
    "mappingId", "mappingVersion", "mappings", "sourceType", "sourceAttribute", "destinationXdmPath", "primaryIdentity",
    "connectionSpec", "flowSpec", "baseConnectionId", "sourceConnectionIds", "targetConnectionIds", "scheduleParams",
    "lastOperation", "updatedBy", "updatedClient", "createdBy", "inheritedAttributes", "providerId", "auth",
    "metrics", "recordSummary", "schemaRef", "jsonSchema", "meta:immutableTags", "xdm:isPrimary",
}  # fmt: skip

OURS = {
    # members of the published JSON documents and of the project file that are called as on the platform
    ("app/platform.py", "auth"),
    ("render/json.py", "updatedBy"),
    ("core/plan/document.py", "updatedClient"),
    ("core/plan/document.py", "updatedBy"),
    ("render/status.py", "lastOperation"),
    ("cli/command.py", "metrics"),  # the option --metrics
}


def words() -> set[str]:
    """Return the names of all kinds, the lists of the selector rows, and the fields above."""
    return FIELDS | set(kinds()) | {step for row in SELECTORS for step in row.steps if step != "params"}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and value of each text of a module that is not a docstring, f-strings' parts included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.lineno, node.value


def known_words(path: Path) -> list[str]:
    """Return each text that is one of the words, or a pointer with one as a step, with its line."""
    forbidden = words()
    return [
        f"{line}: {text}"
        for line, text in texts(path)
        if (set(text.split("/")) if text.startswith("/") and " " not in text else {text}) & forbidden
        and (path.relative_to(ROOT).as_posix(), text) not in OURS
    ]


@pytest.mark.parametrize(
    "path", sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")), ids=lambda path: path.name
)
def test_no_room_knows_a_word_of_a_kind(path: Path) -> None:
    assert known_words(path) == [], "ask the kind, its rules or a selector row instead"


def test_a_word_is_found(tmp_path: Path) -> None:
    for number, line in enumerate(
        ('x == "Flow"', 'x["auth"]', 'f"{x}" + "/transformations/0"', 'y("segmentSelectors")')
    ):
        module = tmp_path / f"{number}.py"
        module.write_text(f'"""Flow"""\n{line}\n')
        assert [text for _, text in texts(module) if set(text.split("/")) & words()], line


def test_our_own_members_are_still_there() -> None:
    for file, member in OURS:
        assert member in {text for _, text in texts(ROOT / file)}, (file, member)


def test_every_list_that_a_flow_hands_out_is_a_row() -> None:
    """A list below `/transformations` without a row would pass guardrails and policies unseen."""
    for kind in kinds().values():
        for body in ({}, {"scheduleParams": {"timeUnit": "day"}}):
            for rule in kind.rules(body).associative_lists:
                if rule.pattern.startswith("/transformations/"):
                    assert isinstance(rule, Selector), f"{kind.name}: add {rule.pattern} to kinds/selectors.py"
                    assert rule in SELECTORS
