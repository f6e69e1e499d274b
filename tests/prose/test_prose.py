"""The rules over their examples, the reading of prose, the baseline, and the prose of the repository."""

# ruff: noqa: E501 (a table is easier to read with one case on a line)
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.prose import __main__ as command
from tests.prose import check as checker
from tests.prose.check import ROOT, check, compare, matches
from tests.prose.extract import blocks
from tests.prose.rules import RULES, Rule


@pytest.mark.parametrize(
    ("rule", "text"),
    [(rule, text) for rule in RULES for text in rule.bad],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_rule_finds_its_bad_examples(rule: Rule, text: str) -> None:
    assert rule in [match[0] for match in matches(_masked(text), rule.kinds[0])]


@pytest.mark.parametrize(
    ("rule", "text"),
    [(rule, text) for rule in RULES for text in rule.good],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_rule_passes_its_good_examples(rule: Rule, text: str) -> None:
    assert [match[0].name for match in matches(_masked(text), rule.kinds[0])] == []


def _masked(text: str) -> str:
    (block,) = blocks("example.py", f'f"{text} "') if '"' not in text else blocks("example.md", text)
    return block.text


def test_names_of_rules_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


READ = [
    # path, source, (rule, line, column) of each finding
    ("a.md", "One\nline is no\nname.\n", [("is-no", 2, 6)]),
    ("a.md", "`x is no name`\n\n```\nit is no name\n```\n\n    it is no name\n", []),
    ("a.md", "| key | what |\n| --- | --- |\n| `a` | what it is called |\n", [("what-start", 3, 9)]),
    ("a.md", "- first\n- Nobody comes.\n\n# What\n\n# What is it?\n", [("nobody", 2, 3)]),
    ("a.md", "<!-- Written by docs/generate.py -->\nIt is no name.\n", []),
    ("a.md", "It stands.\n<!-- Tables written by docs/generate.py -->\nIt is no name.\n", [("stand", 1, 4)]),
    ("a.md", "# It is\nno name\n## It is\n- no name\n", []),
    ("a.md", "See [it](a.md#is-no) or <is no name>.\n", []),
    ("a.py", '"""What it does."""\n', [("what-start", 1, 4)]),
    ("a.py", 'def f():\n    """Return it.\n\n    What is left\n    is no name.\n    """\n', [("what-start", 4, 5), ("is-no", 5, 5)]),
    ("a.py", "# one is\n# no name\nx = 1  # it is\ny = 2  # no name\n", [("is-no", 1, 7)]),
    ("a.py", 'raise E(f"{x!r} is "\n    "no name")\n', [("is-no", 1, 17)]),
    ("a.py", 'x = f"{y} objects"; z = "# a \'what is no name\'"\n', [("count-plural", 1, 7), ("is-no", 1, 36)]),
    ("a.py", 'raise E("one "\n    "two", 3, "four "\n    f"it is no name")\n', [("is-no", 3, 10)]),
    ("a.py", "x = 1  # type: it stands\ny = 2  # noqa: it stands\n", []),
    ("a.py", 'x = is_no["stands"]  # noqa: E501\n', []),
    ("a.py", "x = 'it\\'s no\\nWhat is'\n", [("what-start", 1, 16)]),
    ("tests/a.py", 'x = "it is no name"  # it is no name\n', [("is-no", 1, 27)]),
    ("a.yaml", "a: it is no name # it is no name\nb: '#it is no'\n", [("is-no", 1, 23)]),
    ("a.yaml", "description: it is no name\nx:\n  - description: |\n      it is\n      no name\n", [("is-no", 1, 17), ("is-no", 4, 10)]),
    ("a.sh", "#!/bin/sh\necho it is no name # it stands\n", [("stand", 2, 25)]),
    ("Dockerfile", "# it stands\n", [("stand", 1, 6)]),
    ("run", '#!/usr/bin/env python3\n"""It stands."""\n', [("stand", 2, 7)]),
    ("a.js", "x = 1; // it stands\n/* nobody */\n", [("stand", 1, 14), ("nobody", 2, 4)]),
    ("a.bin", "it stands", []),
]  # fmt: skip


@pytest.mark.parametrize(("path", "source", "expected"), READ)
def test_prose_is_read_and_code_is_not(path: str, source: str, expected: list[tuple[str, int, int]]) -> None:
    assert [(finding.rule.name, finding.line, finding.column) for finding in check(path, source)] == expected


def test_a_finding_is_known_by_its_words_whatever_the_file_the_lines_and_the_names() -> None:
    before = check("a.py", "# the key `one` of a document\n# is no name of it\n")
    after = check("b/c.py", "x = 1\n\n# the key `another`\n# of a document is no\n# name of it\n")
    assert [finding.key for finding in before] == [finding.key for finding in after]
    assert before[0].key != check("a.py", "# the key `one` of a manifest is no name of it\n")[0].key


def test_the_baseline_allows_as_many_as_it_lists() -> None:
    one, other = check("a.md", "It is no name.\n\nIt stands.\n")
    assert compare([one, one], Counter([one.key])) == ([one], Counter())
    assert compare([one], Counter([one.key, one.key, other.key])) == ([], Counter([one.key, other.key]))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Give the command a repository of one file and an empty baseline; return the function that writes the file."""
    for module, name, value in (
        (checker, "BASELINE", tmp_path / "baseline.txt"),
        (command, "ROOT", tmp_path),
        (command, "paths", lambda: checker.paths(tmp_path)),
        (command, "check_all", lambda: checker.check_all(tmp_path)),
    ):
        monkeypatch.setattr(module, name, value)
    return (tmp_path / "a.md").write_text


def test_update_only_shrinks_the_baseline_unless_forced(
    tree: Callable[[str], int], capsys: pytest.CaptureFixture[str]
) -> None:
    tree("It is no name.\n\nIt stands.\n")
    assert command.main(["--update"]) == 1  # nothing may be added
    assert checker.read_baseline().total() == 0
    assert command.main(["--update", "--force"]) == 0
    assert command.main([]) == 0
    capsys.readouterr()
    tree("It is no name.\n\nNobody comes.\n")
    assert command.main([]) == 1
    output = capsys.readouterr().out
    assert "a.md:3:1: nobody" in output
    assert "gone: stand: It stands." in output
    assert "is-no" not in output
    assert command.main(["--update"]) == 1
    assert checker.read_baseline() == Counter([("is-no", "It is no name.")])


@pytest.mark.parametrize("arguments", [["nosuch.md"], ["/dev/null"], ["--force"]])
def test_wrong_arguments_are_errors_without_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        command.main(arguments)
    assert error.value.code == 2
    assert "./run prose: error:" in capsys.readouterr().err


def test_the_prose_of_the_repository_is_clean_but_for_the_baseline() -> None:
    new, gone = compare(checker.check_all(), checker.read_baseline())
    assert not new, "rewrite (CONTRIBUTING.md, Style):\n" + "\n".join(map(str, new))
    assert not gone, "findings are gone; run ./run prose --update:\n" + "\n".join(
        f"{rule}: {words}" for rule, words in gone
    )


def test_every_folder_of_the_repository_with_prose_is_read() -> None:
    read = {path.partition("/")[0] for path in checker.paths()}
    assert {"README.md", "CONTRIBUTING.md", "run", ".github", "reconciler", "docs", "examples", "tests"} <= read
    assert all((ROOT / folder).is_dir() for folder in checker.FOLDERS)
