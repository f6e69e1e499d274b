"""Which operations the emulator offers, and that the list of those it does not is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.emulator.app import services, specs_folder
from reconciler.emulator.options import Options
from reconciler.emulator.specs import Specs
from reconciler.emulator.storage import Storage
from tests.contract.descriptions import BASES, Operation, descriptions, needs_descriptions
from tests.contract.deviations import DEVIATIONS
from tests.contract.not_offered import NOT_OFFERED

DOCS = Path(__file__).parents[2] / "docs" / "emulator.md"


def offered() -> set[tuple[str, str]]:
    """Return method and path of every endpoint, with ids as one sign."""
    storage = Storage(":memory:")
    found = set()
    for service in services(storage, Options(), Specs(specs_folder())):
        for endpoint in service.endpoints():
            found.add((endpoint.method, _shape(service.base + endpoint.path)))
    storage.close()
    return found


def _shape(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.rstrip("/").split("/"))


def _known(operation: Operation, endpoints: set[tuple[str, str]]) -> bool:
    path = BASES[operation.file] + operation.path
    containers = ("tenant", "global") if "{CONTAINER_ID}" in path else ("",)
    return all((operation.method, _shape(path.replace("{CONTAINER_ID}", one))) in endpoints for one in containers)


@needs_descriptions
def test_every_documented_operation_is_offered_or_listed() -> None:
    endpoints = offered()
    every = [operation for item in descriptions().values() for operation in item.operations]
    missing = {str(operation) for operation in every if not _known(operation, endpoints)}
    listed = {name for names in NOT_OFFERED.values() for name in names}
    assert missing == listed, "not_offered.py lists exactly what the emulator does not offer"
    assert len(every) - len(missing) >= 125


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda item: f"{item.operation} {item.where}")
def test_a_deviation_has_a_reason(deviation: object) -> None:
    assert len(str(getattr(deviation, "reason", ""))) > 10
