"""Findings about manifests, and drift: SARIF, JUnit, GitHub workflow commands, GitLab code quality."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from reconciler import __version__
from reconciler.core.plan.drift_report import Report
from reconciler.core.plan.model import Drift
from reconciler.core.problems import Problem
from reconciler.core.values import Span
from reconciler.render.drift import drift_lines, plain
from reconciler.render.json import FORMAT_VERSION, finding, text

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@dataclass(frozen=True, slots=True)
class _Result:
    rule: str
    level: str
    text: str
    span: Span | None = None
    key: str = ""


def json_text(problems: Sequence[Problem]) -> str:
    """Return findings as `validate --format json` prints them."""
    counts = {"errors": 0, "warnings": 0}
    for problem in problems:
        counts["errors" if problem.severity == "error" else "warnings"] += 1
    findings = [finding(problem) for problem in problems]
    document = {"formatVersion": FORMAT_VERSION, "findings": findings, "summary": counts}
    return text(document)


def github(problems: Iterable[Problem]) -> str:
    """Return findings as GitHub workflow commands, one line for each.

    The rules for escaping are those of GitHub's "Workflow commands for GitHub Actions": `%` and line breaks in the
    message, and also `:` and `,` in a property, so that neither a file name nor a message can start another command.
    """
    lines = []
    for problem in problems:
        level = problem.severity if problem.severity in ("error", "warning") else "notice"
        place = ""
        if (span := problem.span) is not None:
            place = f" file={_property(span.file)},line={span.line},col={span.column}"
        lines.append(f"::{level}{place}::{_data(_sentence(problem))}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(problems: Iterable[Problem]) -> str:
    """Return findings as a report for GitLab's Code Quality widget.

    A fingerprint leaves the line out, so that a finding that moved is not a new one. A finding without a place is
    shown at the project file, because GitLab ignores entries without a location.
    """
    entries: list[dict[str, Any]] = []
    repeated: dict[str, int] = {}
    for problem in problems:
        file = problem.span.file if problem.span else "reconciler.yaml"
        identity = "\0".join((problem.code, file, problem.address or "", problem.what))
        repeated[identity] = repeated.get(identity, 0) + 1
        digest = hashlib.sha256(f"{identity}\0{repeated[identity]}".encode("utf-8", "surrogatepass")).hexdigest()
        entries.append(
            {
                "description": _sentence(problem),
                "check_name": problem.code,
                "fingerprint": digest,
                "severity": {"error": "major", "warning": "minor"}.get(problem.severity, "info"),
                "location": {"path": file, "lines": {"begin": problem.span.line if problem.span else 1}},
            }
        )
    return text(entries)


def _sentence(problem: Problem) -> str:
    return f"{problem.what} ({problem.next})" if problem.next else problem.what


def sarif(problems: Iterable[Problem]) -> str:
    """Return findings as SARIF 2.1.0, the paths as they are printed: relative to where the command was run."""
    return _sarif(
        [
            _Result(
                problem.code,
                problem.severity,
                _sentence(problem),
                problem.span,
                problem.address or "",
            )
            for problem in problems
        ]
    )


def drift_sarif(report: Report, places: Mapping[str, Span]) -> str:
    """Return drift as SARIF 2.1.0, each object at the block of its manifest, `places` by address."""
    found = [_drifted(item, places.get(item.address)) for item in report.of("changed", "missing")]
    level = "warning" if report.fails_on_pending else "note"
    found += [
        _Result("pending", level, f"{item.action}: not applied", places.get(item.address), item.address)
        for item in report.pending
    ]
    return _sarif(found)


def _drifted(item: Drift, span: Span | None) -> _Result:
    said = " ".join(" ".join(line.split()) for line in drift_lines(item, plain))
    return _Result(f"drift-{item.status}", "warning", said, span, item.address)


def _sarif(results: Sequence[_Result]) -> str:
    rules = list(dict.fromkeys(item.rule for item in results))
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "reconciler",
                "version": __version__,
                "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, rules.index(item.rule)) for item in results],
    }
    return text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(item: _Result, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.rule,
        "ruleIndex": rule,
        "level": item.level,
        "message": {"text": item.text},
    }
    place: dict[str, Any] = {}
    if item.span is not None:
        place["physicalLocation"] = {
            "artifactLocation": {"uri": item.span.file.replace(" ", "%20")},
            "region": {"startLine": item.span.line, "startColumn": item.span.column},
        }
    if item.key:
        place["logicalLocations"] = [{"fullyQualifiedName": item.key}]
        result["partialFingerprints"] = {"address/v1": f"{item.rule}:{item.key}"}
    if place:
        result["locations"] = [place]
    return result


def junit(problems: Sequence[Problem], files: Iterable[str]) -> str:
    """Return findings as JUnit: a case for each file, failed where it has an error."""
    suite = ElementTree.Element("testsuite", name="validate")
    by_file: dict[str, list[Problem]] = {file: [] for file in files}
    for problem in problems:
        by_file.setdefault(problem.span.file if problem.span else "project", []).append(problem)
    failed = 0
    for file, found in by_file.items():
        case = ElementTree.SubElement(suite, "testcase", classname="validate", name=file)
        errors = [problem for problem in found if problem.severity == "error"]
        warnings = [problem for problem in found if problem.severity != "error"]
        if errors:
            failed += 1
            count = f"{len(errors)} error{'s' * (len(errors) != 1)}"
            node = ElementTree.SubElement(case, "failure", message=count, type=errors[0].code)
            node.text = "\n".join(str(problem) for problem in errors)
        if warnings:
            ElementTree.SubElement(case, "system-out").text = "\n".join(str(problem) for problem in warnings)
    suite.attrib.update(tests=str(len(by_file)), failures=str(failed), errors="0", skipped="0")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
