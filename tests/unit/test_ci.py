"""The pure parts of the pipelines' steps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ci import gitlab
from reconciler.ci.runner import Job, JobError, PullRequest, annotation, code_block, github_job

TEXT = st.text(alphabet=st.sampled_from("ab`<@:%[]#\r\n\x0b\x0c\x1c\x85\u2028\u2029 "), max_size=40)


@given(TEXT)
def test_nothing_leaves_an_indented_code_block(text: str) -> None:
    """CommonMark ends a line at a carriage return, too."""
    for line in re.split(r"\r\n|\n|\r", code_block(text))[:-1]:
        assert line.startswith("    ")
    assert code_block(text)[-1:] in ("", "\n")


@given(TEXT)
def test_an_annotation_is_one_line(text: str) -> None:
    printed = annotation(text)
    assert not re.search(r"[\r\n]", printed)
    decoded = printed.removeprefix("::error::").replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    assert decoded == text


def job(folder: Path, event: object, **more: str) -> Job:
    """Return the job of an event."""
    (folder / "event.json").write_text(json.dumps(event), encoding="utf-8")
    known = {"RUNNER_TEMP": str(folder), "GITHUB_REPOSITORY": "O/r", "GITHUB_SHA": "f" * 40}
    return github_job({**known, "GITHUB_EVENT_PATH": str(folder / "event.json"), **more})


@pytest.mark.parametrize(
    ("head", "fork"),
    [
        ({"repo": {"full_name": "o/R"}}, False),
        ({"repo": {"full_name": "mallory/r"}}, True),
        ({"repo": None}, True),
        ({}, True),
        (None, True),
    ],
)
def test_only_a_head_in_this_repository_is_trusted(tmp_path: Path, head: object, fork: bool) -> None:
    found = job(tmp_path, {"pull_request": {"number": 7, "head": head}})
    assert found.pull_request == PullRequest(7, fork)
    assert found.untrusted is fork


def test_an_event_without_a_pull_request_is_trusted(tmp_path: Path) -> None:
    assert job(tmp_path, {"ref": "refs/heads/main"}).untrusted is False


def test_a_job_shows_none_of_its_variables(tmp_path: Path) -> None:
    assert "canary" not in repr(job(tmp_path, {}, AEP_CLIENT_SECRET="canary"))


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="GITHUB_SHA"):
        job(tmp_path, {}, GITHUB_SHA="")
    (tmp_path / "broken").write_text("{", encoding="utf-8")
    with pytest.raises(JobError, match="event"):
        job(tmp_path, {}, GITHUB_EVENT_PATH=str(tmp_path / "broken"))


def test_a_replace_counts_twice_in_the_widget(tmp_path: Path) -> None:
    summary = {"create": 1, "update": 2, "replace": 3, "delete": 4, "noop": 5}
    (tmp_path / "in.json").write_text(json.dumps({"summary": summary}), encoding="utf-8")
    gitlab.write_counts(tmp_path / "in.json", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"create": 4, "update": 2, "delete": 7}
