"""The words in capitals that `init` writes for what only an author knows, and the findings about those left over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.core.problems import Problem
from reconciler.core.trees import leaves
from reconciler.documents.document import Document

TENANT, SCHEMA, DATASET, AUDIENCE = "TENANT", "SCHEMA_ID", "DATASET_ID", "AUDIENCE_ID"
SOURCE_FIELD = "SOURCE_FIELD"
_LEFT = re.compile(rf"(?<![A-Za-z0-9])(?:{TENANT}|{SCHEMA}|{DATASET}|{AUDIENCE}|{SOURCE_FIELD})(?![A-Za-z0-9])")


def parameter_word(name: str) -> str:
    """Return the word for the value of a parameter: S3_ACCESS_KEY for s3AccessKey."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def may_be_left(content: str) -> bool:
    """Tell whether a file holds such a word anywhere; its documents are looked at only then."""
    return _LEFT.search(content) is not None


def left_over(document: Document) -> Iterator[Problem]:
    """Yield a warning for each value of a document that still is, or holds, a word that `init` wrote."""
    for path, leaf in leaves(document.spec):
        found = _LEFT.search(leaf) if isinstance(leaf, str) else None
        if found is not None:
            yield document.problem(("spec", *path), *finding(found[0]), severity="warning")


def finding(word: str) -> tuple[str, str, str]:
    """Return the code, the fault and the advice for a word that is left."""
    return "placeholder", f"the placeholder {word} was not replaced", "write the value of your organization"
