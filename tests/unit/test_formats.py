"""Every format of a plan and a report, as golden files: `RECONCILER_GOLDEN=1 ./run test tests/unit/test_formats.py`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.plan.drift_report import Commit, PendingChange, Report
from reconciler.core.plan.model import Action
from reconciler.core.plan.saved_plan import PLAN_VERSION, plan_json, plan_of
from reconciler.core.problems import Problem, StateError
from reconciler.core.values import Span
from reconciler.kinds import kinds
from reconciler.render import json as as_json
from reconciler.render.drift import junit as drift_junit
from reconciler.render.drift import markdown as drift_markdown
from reconciler.render.drift import text as drift_text
from reconciler.render.findings import drift_sarif, github, gitlab, json_text, junit, sarif
from reconciler.render.folding import columns, fold
from reconciler.render.graph import Graph, Node, dot, graph_of_plan, mermaid
from reconciler.render.html import html
from reconciler.render.markdown import LIMIT, markdown
from reconciler.render.moments import moment
from reconciler.render.svg import svg
from reconciler.render.text import plan_text
from tests.conftest import same_text
from tests.unit.plans import everything, many, nothing, refused

GOLDEN = Path(__file__).parent / "golden"
REWRITE = "RECONCILER_GOLDEN=1 ./run test tests/unit/test_formats.py"
FINDINGS = [
    Problem("unknown-key", "unknown key 'flw'", "did you mean 'flow'?", Span("a folder/a.yaml", 3, 5)),
    Problem("unused", 'a <"variable"> is used nowhere', "", None, severity="warning"),
]


def report() -> Report:
    merge = Commit("1a2b3c4d5e6f7a8b9c0d", 1_764_000_000_000, "Ada <b>", "Merge | *two*\x1b[31m lines")
    pending = (
        PendingChange("kinesis/flow", "update", merge.at, (merge,)),
        PendingChange("kinesis/target", "replace", merge.at + 1, (replace(merge, id="2b", at=merge.at + 1), merge)),
        PendingChange("s3/flow", "create"),
    )
    return Report("prod", "prod-1", 9, everything().drift, pending, ("a note",))


def _bare(page: str) -> str:
    """Return a report without its style and script, which are files of their own."""
    return re.sub(r"(<(style|script)>\n).*?(</\2>)", r"\1\3", page, flags=re.DOTALL)


FORMATS: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: plan_text(everything()),
    "plan-narrow.txt": lambda: plan_text(everything(), width=72),
    "plan-verbose.txt": lambda: plan_text(everything(), verbose=True),
    "plan-compact.txt": lambda: plan_text(refused(), compact=True),
    "plan-colours.txt": lambda: plan_text(everything(), lambda style, text: f"<{style}>{text}</>"),
    "plan-nothing.txt": lambda: plan_text(nothing()),
    "plan.json": lambda: as_json.text(as_json.plan_document(everything())),
    "plan.md": lambda: markdown(everything()),
    "plan-refused.md": lambda: markdown(refused()),
    "plan-nothing.md": lambda: markdown(nothing()),
    "plan.html": lambda: _bare(html(everything())),
    "graph.dot": lambda: dot(graph_of_plan(everything())),
    "graph.mmd": lambda: mermaid(graph_of_plan(everything())),
    "graph.svg": lambda: svg(graph_of_plan(everything())),
    "drift.txt": lambda: drift_text(report()),
    "drift.md": lambda: drift_markdown(report()),
    "drift.json": lambda: as_json.text(as_json.drift_document(report())),
    "drift.junit.xml": lambda: drift_junit(report()),
    "drift.sarif": lambda: drift_sarif(report(), {"kinesis/flow": Span("kinesis.yaml", 4, 3)}),
    "validate.json": lambda: json_text(FINDINGS),
    "validate.sarif": lambda: sarif(FINDINGS),
    "validate.github.txt": lambda: github(FINDINGS),
    "validate.gitlab.json": lambda: gitlab(FINDINGS),
    "validate.junit.xml": lambda: junit(FINDINGS, ["a folder/a.yaml", "b.yaml"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_as_it_was_agreed(name: str) -> None:
    made = FORMATS[name]()
    path = GOLDEN / name
    if os.environ.get("RECONCILER_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    same_text(
        made,
        path.read_text(encoding="utf-8"),
        f"golden/{name}",
        "RECONCILER_GOLDEN=1 ./run test tests/unit/test_formats.py",
    )
    assert made.endswith("\n")


def test_the_file_of_a_saved_plan_is_as_its_version_says() -> None:
    """A file that differs needs another `PLAN_VERSION`: `apply` refuses the plans of other versions."""
    path = GOLDEN / f"saved-plan-v{PLAN_VERSION}.json"
    made = json.dumps(plan_json(everything()), indent=1) + "\n"
    if not path.exists():
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8"), "raise PLAN_VERSION, and run this test to write the new file"
    assert "${secret.key}" in made, "secrets stand in it by name"


def test_a_plan_of_another_version_is_refused() -> None:
    data = json.loads((GOLDEN / f"saved-plan-v{PLAN_VERSION}.json").read_text(encoding="utf-8"))
    for version, advice in ((1, "plan again"), (PLAN_VERSION + 1, "upgrade reconciler")):
        with pytest.raises(StateError, match=advice):
            plan_of({**data, "formatVersion": version}, "it", kinds())


# -- Markdown --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 30, 150, 3000, 20000])
def test_markdown_fits_a_comment_and_ends_what_it_opens(count: int) -> None:
    text = markdown(many(count))
    assert len(text) <= LIMIT
    fences = re.findall(r"^`{3,}", text, re.MULTILINE)
    assert len(fences) % 2 == 0
    assert text.count("<details>") == text.count("</details>")
    assert f"{count} to update" in text
    rows = len(re.findall(r"^\| `~` \|", text, re.MULTILINE))
    assert rows == count or f"… and {count - rows} more changes." in text
    details = text.count("<details><summary><code>~ ")
    assert details == count or f"Details of {count - details} changes are left out" in text


def test_what_somebody_wrote_is_no_markup() -> None:
    text = markdown(refused()) + drift_markdown(report())
    assert "<b>" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "@example" not in re.sub(r"`[^`]*`", "", markdown(refused()))
    for path in ("script", "b"):
        assert f"<{path}>&" not in html(everything())


# -- text ------------------------------------------------------------------------------------------------------------
def test_lines_fold_to_the_width_and_lose_nothing() -> None:
    whole = plan_text(everything(), verbose=True)
    for width in (60, 80, 133):
        folded = fold(whole, width)
        assert max(columns(line) for line in folded.split("\n")) <= width
        assert "".join(folded.split()) == "".join(whole.split())


def test_wide_letters_and_colours_are_measured() -> None:
    line = "  " + "\x1b[31m" + "宛" * 60 + "\x1b[0m"
    assert columns(line) == 122
    assert all(columns(part) <= 80 for part in fold(line, 80).split("\n"))


def test_very_many_changes_are_summarised() -> None:
    assert plan_text(many(600)).count("\n") < 700
    counted = plan_text(many(6000))
    assert counted.count("\n") < 40
    assert "Flow    6000" in counted
    assert plan_text(many(6000), verbose=True).count("\n") > 6000


# -- graphs ----------------------------------------------------------------------------------------------------------
def test_documents_stand_for_what_is_in_them() -> None:
    graph = graph_of_plan(everything()).by_document()
    assert {name: node.action for name, node in graph.nodes.items()} == {
        "kinesis": Action.UPDATE, "s3": Action.REPLACE, "old": Action.FORGET,
    }  # fmt: skip
    assert graph.edges["s3"] == ("kinesis",)


def test_drawings_have_all_nodes_apart_and_all_edges() -> None:
    names = [f"d{index}/n" for index in range(40)]
    edges = {
        name: tuple(names[(index - 1) // 3 : (index - 1) // 3 + 1]) if index else () for index, name in enumerate(names)
    }
    edges["d39/n"] = ("d0/n", "d12/n")
    drawn = svg(Graph({name: Node(name, "Flow") for name in names}, edges))
    boxes = [
        tuple(map(float, found))
        for found in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="(\d+)"', drawn)
    ]
    assert len(boxes) == 40
    for index, (x, y, width, height) in enumerate(boxes):
        for x2, y2, width2, height2 in boxes[:index]:
            assert x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
    assert drawn.count('class="edge"') == sum(len(needs) for needs in edges.values())


def test_a_long_chain_is_drawn() -> None:
    names = [f"n{index}" for index in range(3000)]
    edges = {name: tuple(names[index - 1 : index]) if index else () for index, name in enumerate(names)}
    assert svg(Graph({name: Node(name, "Flow") for name in names}, edges)).count("<rect") == 3000


# -- what formats never hold -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_format_names_a_secret_template(name: str) -> None:
    assert "${secret." not in FORMATS[name]()


HOSTILE = st.text(alphabet=st.sampled_from("a:,%=\r\n #[]@\u2028\x85\x1b"), max_size=24)


@given(file=HOSTILE, what=HOSTILE, advice=HOSTILE)
def test_a_github_annotation_is_one_command_with_the_values_it_was_given(file: str, what: str, advice: str) -> None:
    """Read the line as the runner does: split at line breaks, `::`, `,` and `=`, then decode."""
    printed = github([Problem("c", what, advice, Span(file, 3, 5))])
    (line,) = re.split(r"[\r\n]+", printed.removesuffix("\n"))
    command, properties, data = re.fullmatch(r"::(\w+) (.*?)::(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    assert command == "error"
    found = dict(item.split("=", 1) for item in properties.split(","))
    decoded = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}

    def decode(text: str) -> str:
        return re.sub("|".join(decoded), lambda match: decoded[match[0]], text)

    assert {key: decode(value) for key, value in found.items()} == {"file": file, "line": "3", "col": "5"}
    assert decode(data) == (f"{what} ({advice})" if advice else what)


def test_gitlab_fingerprints_are_unique_and_leave_the_line_out() -> None:
    def problem(line: int) -> Problem:
        return Problem("c", "the same", "", Span("a.yaml", line, 1))

    before, after = (json.loads(gitlab([problem(line), problem(line + 1)])) for line in (3, 40))
    assert len({entry["fingerprint"] for entry in before}) == 2
    assert [entry["fingerprint"] for entry in before] == [entry["fingerprint"] for entry in after]
    assert [entry["location"]["lines"]["begin"] for entry in after] == [40, 41]


def test_sarif_is_shaped_as_its_standard_says() -> None:
    for text in (FORMATS["validate.sarif"](), FORMATS["drift.sarif"]()):
        document = json.loads(text)
        assert document["version"] == "2.1.0"
        (run,) = document["runs"]
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("error", "warning", "note")
            assert result["message"]["text"]
            for place in result.get("locations", ()):
                if "physicalLocation" in place:
                    assert " " not in place["physicalLocation"]["artifactLocation"]["uri"]
                    assert place["physicalLocation"]["region"]["startLine"] >= 1


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "1970-01-01 00:00 UTC"), (10**30, f"{10**30} ms"), (-(10**18), f"-{10**18} ms")]
)
def test_a_time_that_no_calendar_has_is_shown_as_a_number(ms: int, text: str) -> None:
    assert moment(ms) == text
