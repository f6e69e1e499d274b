"""The licences of what is installed with the tool, from the metadata of the installed packages."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

from tests.conftest import ROOT

ALLOWED = {
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "PSF-2.0",
    "MPL-2.0",
    "0BSD",
    "Unlicense",
    "CNRI-Python",
}
CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
EXCEPTIONS = {
    "psycopg": "LGPL-3.0-only: an optional library, used unmodified by `state: {backend: postgres}` alone",
    "psycopg-binary": "LGPL-3.0-only: an optional library, used unmodified by `state: {backend: postgres}` alone",
}
PACKAGES = re.findall(
    r"^([A-Za-z0-9_.-]+)==\S+( ; .*)? \\$", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
)


def licences(metadata: importlib.metadata.PackageMetadata) -> set[str]:
    """Return the SPDX ids that a package declares: its expression, its classifiers, or a short licence field."""
    expression = metadata.get("License-Expression")
    if not expression:
        declared = [item.rpartition(" :: ")[2] for item in metadata.get_all("Classifier") or () if "License" in item]
        if declared:
            return {CLASSIFIERS.get(item, item) for item in declared}
        expression = str(metadata.get("License") or "nothing declared")
    return set(re.split(r"\s+(?:AND|OR)\s+|[()]\s*", expression.strip())) - {""}


def test_the_lock_is_read() -> None:
    assert len(PACKAGES) > 30


@pytest.mark.parametrize("name", [name for name, _ in PACKAGES])
def test_a_locked_package_has_an_allowed_licence(name: str) -> None:
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not installed here: it is for another platform")
    declared = licences(metadata)
    if name in EXCEPTIONS:
        assert EXCEPTIONS[name].startswith(" AND ".join(sorted(declared)))
    else:
        assert declared
        assert declared <= ALLOWED, f"{name}: {declared - ALLOWED}"
