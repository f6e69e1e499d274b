"""Policies: rules over a plan, in the project file under `policies:` or in a file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from reconciler.core.plan.policy import Rule, compiled
from reconciler.core.problems import ManifestError, Problem
from reconciler.documents.blocks import Block
from reconciler.documents.document import Document
from reconciler.documents.shapes import problems_of
from reconciler.yamltext.files import read_file
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text


def _expression(value: str) -> str:
    try:
        compiled(value)
    except ValueError as error:
        raise PydanticCustomError("bad_expression", "this is no JMESPath: {why}", {"why": str(error)}) from None
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("bad_timezone", "this is no time zone, as Europe/Berlin is one") from None
    return value


Expression = Annotated[str, AfterValidator(_expression)]


class PolicyRule(Block):
    """One rule: exactly one of `deny` and `warn` finds what may not be."""

    name: str = Field(min_length=1)
    """What the rule is called in messages."""
    when: Expression | None = None
    """JMESPath that must hold for the rule to count."""
    deny: Expression | None = None
    """JMESPath that returns what may not be: the plan cannot be applied while it finds something."""
    warn: Expression | None = None
    """JMESPath that returns what should not be: it is said with the plan."""
    message: str = Field(min_length=1)
    """What to tell; `{address}` and other members of what was found are filled in."""
    environments: list[str] = Field(default_factory=list)
    """The environments the rule counts in; all when none is named."""

    @model_validator(mode="after")
    def _one(self) -> PolicyRule:
        if (self.deny is None) == (self.warn is None):
            raise PydanticCustomError("one_of", "exactly one of deny and warn must be given")
        return self


class PolicySet(Block):
    """Rules over every plan; what they see of it is in docs/policies.md."""

    rules: list[PolicyRule] = Field(default_factory=list)
    """The rules, each judged by itself."""
    attribute_labels: dict[str, list[str]] = Field(default_factory=dict)
    """Labels of profile attributes, by path or pattern (`homeAddress.*`): rules see them on what is exported."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """Where `now` is told."""


class Policies(PolicySet):
    """The `policies` of the project file: rules of its own, and files with more."""

    files: list[str] = Field(default_factory=list)
    """Files with more rules, relative to the project file."""


def rules_of(policies: PolicySet, document: Document | None, base: tuple[str, ...]) -> Iterator[Rule]:
    """Yield the rules as the core knows them; `base` leads to them in `document`."""
    for index, item in enumerate(policies.rules):
        span = document.span((*base, "rules", str(index))) if document is not None else None
        yield Rule(
            item.name,
            item.deny or item.warn or "",
            item.message,
            "deny" if item.deny is not None else "warn",
            item.when or "",
            tuple(item.environments),
            span,
        )


def read_policies(path: Path, shown: str) -> tuple[PolicySet, Document]:
    """Return the rules in a file and the document that tells their places. Raises `ManifestError` with all findings."""
    text = Text(shown, read_file(path, shown))
    trees = read(text)
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, dict):
        raise ManifestError(Problem("bad-policy", f"{shown} must hold one mapping with rules: […]"))
    document = Document("Policies", shown, tree, shown, text, 0)
    try:
        return PolicySet.model_validate(tree), document
    except ValidationError as error:
        raise ManifestError(problems_of(document, error, PolicySet, ())) from None
