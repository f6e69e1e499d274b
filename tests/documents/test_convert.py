"""The bodies of public pages in curl commands, slips included: converted, they are sent key by key as printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.catalog import shipped
from reconciler.convert.conversion import Input, convert
from reconciler.documents.load import load
from reconciler.kinds import kinds
from reconciler.kinds.selectors import SELECTORS
from tests.documents.corpus import Body, differences, examples, plain

FLOW = "https://platform.adobe.io/data/foundation/flowservice"
SERVICES = {
    "profile": ("Connection", f"{FLOW}/connections"),
    "schema": ("Schema", "https://platform.adobe.io/data/foundation/schemaregistry/tenant/schemas"),
    "dataset": ("Dataset", "https://platform.adobe.io/data/foundation/catalog/dataSets?requestDataSource=true"),
    "connection": ("Connection", f"{FLOW}/connections"),
    "source": ("SourceConnection", f"{FLOW}/sourceConnections"),
    "target": ("TargetConnection", f"{FLOW}/targetConnections"),
    "mapping": ("MappingSet", "https://platform.adobe.io/data/foundation/conversion/mappingSets"),
    "flow": ("Flow", f"{FLOW}/flows"),
}
HIDDEN = re.compile(r"\$\{secret\.|'\{([^}]*)\}', not '<\1>'$")
"""A difference that is meant: a secret by its name, a placeholder in other brackets."""


def page(parts: Body) -> str:
    """Return the bodies of a page in curl commands, with the slips that pages have: each third body another one."""
    blocks = ["# A customer's page\n"]
    for number, role in enumerate(role for role in SERVICES if role in parts):
        body, end = json.dumps(parts[role], indent=2), "'"
        if number % 3 == 0:
            body = re.sub(r'("[^"\n]*",)\n', r"\1 // don't copy this comment\n", body, count=1)
        elif number % 3 == 1:
            body = body.removesuffix("\n}") + ",\n}"
        else:
            end = ""
        head = f"curl -X POST \\\n  '{SERVICES[role][1]}' \\\n  -H 'Authorization: Bearer {{ACCESS_TOKEN}}'"
        blocks.append(f"**Request**\n\n```shell\n{head} \\\n  -d '{body}{end}\n```\n\nIt's a request.\n")
    if "patch" in parts:
        blocks.append(f"```shell\ncurl -X PATCH '{FLOW}/flows/{{FLOW_ID}}' -d '{json.dumps(parts['patch'])}'\n```\n")
    return "\n".join(blocks)


def refuse(name: str) -> str:
    raise ValueError(name)


def outcome(parts: Body, folder: Path) -> tuple[list[str], list[str]]:
    """Convert a page; return what is not accepted, and how the requests differ from those of the page."""
    made = convert([Input("page.md", page(parts), refuse)], [], shipped(), SELECTORS)
    folder.mkdir()
    for name, document in made.documents.items():
        (folder / f"{name}.yaml").write_text(document.text, encoding="utf-8")
    values: dict[str, Any] = {
        name: f"{{{made.placeholders[name]}}}" if value is None else value for name, value in made.variables.items()
    }
    project = load(folder, folder, "", shipped(), values, literal_secrets=True, selectors=SELECTORS)
    errors = [str(problem) for problem in project.errors]
    if "flow" in parts:
        errors += [f"{item.call}: {item.reason}" for item in made.not_converted]
    sent = [(item.kind, plain(kinds()[item.kind].create(item.body).body)) for item in project.resources.values()]
    return errors, list(_differing(parts, sent, set(project.resources)))


def _differing(parts: Body, sent: list[tuple[str, Any]], addresses: set[str]) -> Iterator[str]:
    for role, (kind, _) in SERVICES.items():
        if role not in parts:
            continue
        candidates = [
            [line for line in differences(parts[role], body, addresses) if not HIDDEN.search(line)]
            for one, body in sent
            if one == kind
        ]
        if candidates:
            yield from (f"{role}{line}" for line in min(candidates, key=len))
        elif "flow" in parts:
            yield f"{role}: not sent"


def test_pages_convert_to_what_they_print(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = examples("variants")
    refused, differing = {}, {}
    for number, example in enumerate(found):
        errors, lines = outcome(example.parts, tmp_path / str(number))
        if errors:
            refused[example.name] = errors
        elif lines:
            differing[example.name] = lines
    accepted = len(found) - len(refused)
    exact = accepted - len(differing)
    report = "\n".join(f"{name}: {lines}" for name, lines in {**refused, **differing}.items())
    with capsys.disabled():
        print(f"\n{len(found)} converted pages: {accepted} accepted, {exact} exact")
    assert accepted >= 0.95 * len(found), report
    assert exact >= 0.9 * len(found), report
