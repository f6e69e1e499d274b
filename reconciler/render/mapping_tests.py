"""Results of mapping tests: for people, as JSON, and as JUnit for CI servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

from reconciler.core.mapping_report import CaseResult, Difference, MappingReport
from reconciler.core.values import MISSING, Tree
from reconciler.render import json as as_json
from reconciler.render.values import say

Paint = Callable[[str, str], str]
_SIGNS = {"passed": ("green", "PASS "), "failed": ("red", "FAIL "), "error": ("red", "ERROR")}


def plain(_style: str, text: str) -> str:
    """Return the text without colour."""
    return text


def text(report: MappingReport, paint: Paint = plain) -> str:
    """Return the results as lines for people: each case, and what differs side by side."""
    lines: list[str] = []
    for result in report.results:
        style, sign = _SIGNS[result.status]
        lines.append(f"{paint(style, sign)} {result.document} › {result.case}")
        lines += [f"      {line}" for line in _details(result, paint)]
    if report.uncovered is not None:
        lines += _coverage(report)
    if report.live is not None:
        lines += ["", "Compared with the platform's preview:"]
        lines += [f"  {line}" for line in report.live or ["no difference"]]
    return "\n".join(lines) + "\n" if lines else ""


def _details(result: CaseResult, paint: Paint) -> Iterator[str]:
    if result.status != "passed" and result.span:
        yield paint("dim", str(result.span))
    yield from result.messages
    if not result.differences:
        return
    table = [("field", "expected", "actual"), *(_cells(one) for one in result.differences)]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for number, row in enumerate(table):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield paint("dim", line) if number == 0 else line
        if number and (source := _source(result.differences[number - 1])):
            yield paint("dim", f"  made by {source}")


def _cells(one: Difference) -> tuple[str, str, str]:
    return one.path or "(record)", _value(one.expected), _value(one.actual)


def _value(value: Tree) -> str:
    return "(none)" if value is MISSING else say(value)


def _source(one: Difference) -> str:
    return f"row {one.row}: {one.source}" if one.row else ""


def _coverage(report: MappingReport) -> Iterator[str]:
    yield ""
    if not report.uncovered:
        yield "Coverage: every row, branch and required field is exercised."
        return
    yield f"Not exercised by any case ({len(report.uncovered)}):"
    mapping = ""
    for one in report.uncovered:
        if one.mapping != mapping:
            mapping = one.mapping
            yield f"  {mapping}"
        yield f"    {one.kind}: {one.text}"


def summary(report: MappingReport) -> str:
    """Return one line that counts the results."""
    failed = len(report.failed)
    passed = len(report.results) - failed
    return f"{passed} passed, {failed} failed."


def json_text(report: MappingReport) -> str:
    """Return the results as JSON."""
    document: dict[str, Any] = {
        "formatVersion": as_json.FORMAT_VERSION,
        "results": [_result(result) for result in report.results],
        "summary": {"passed": len(report.results) - len(report.failed), "failed": len(report.failed)},
    }
    if report.uncovered is not None:
        document["uncovered"] = [
            {"mapping": one.mapping, "kind": one.kind, "text": one.text} for one in report.uncovered
        ]
    if report.live is not None:
        document["liveDifferences"] = report.live
    return as_json.text(document)


def _result(result: CaseResult) -> dict[str, Any]:
    span = result.span
    return {
        "test": result.document,
        "case": result.case,
        "status": result.status,
        "records": result.records,
        "file": span.file if span else None,
        "line": span.line if span else None,
        "messages": result.messages,
        "differences": [
            {
                "path": one.path,
                **({} if one.expected is MISSING else {"expected": one.expected}),
                **({} if one.actual is MISSING else {"actual": one.actual}),
                "row": one.row,
                "source": one.source or None,
            }
            for one in result.differences
        ],
    }


def junit(report: MappingReport) -> str:
    """Return the results as JUnit: a suite for each document, a case for each case."""
    suites = ElementTree.Element("testsuites", name="reconciler test")
    by_document: dict[str, list[CaseResult]] = {}
    for result in report.results:
        by_document.setdefault(result.document, []).append(result)
    for document, results in by_document.items():
        suite = ElementTree.SubElement(suites, "testsuite", name=document)
        for result in results:
            case = ElementTree.SubElement(suite, "testcase", classname=document, name=result.case)
            if result.status != "passed":
                lines = list(_details(result, plain))
                kind = "failure" if result.status == "failed" else "error"
                node = ElementTree.SubElement(case, kind, message=(result.messages or ["differs"])[0])
                node.text = "\n".join(_printable(line) for line in lines)
        statuses = [result.status for result in results]
        suite.attrib.update(
            tests=str(len(results)), failures=str(statuses.count("failed")), errors=str(statuses.count("error")),
            skipped="0",
        )  # fmt: skip
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _printable(line: str) -> str:
    """XML cannot hold control characters."""
    return "".join(character if character >= " " or character == "\t" else "�" for character in line)
