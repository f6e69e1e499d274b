"""The quick way through YAML gives what the careful one gives, or leaves it to that."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.problems import ManifestError
from reconciler.yamltext.nodes import MAX_DEPTH, compose
from reconciler.yamltext.plain import read_plain
from reconciler.yamltext.reader import _Build, read
from reconciler.yamltext.text import Text

words = st.sampled_from(
    ["~", "null", "true", "False", "no", "yes", "1", "-1", "+1", "0o17", "0x1F", "1.5", ".5", "1e3", "1e999", "-", "--",
     "<<", "=", "12:30", "2022-01-05", "1_000", "0b1", "a b", "'q'", '"q"', "!x", "&a", "*a", "[a]", "{a: 1}", "", "#c",
     "9" * 30, "${var.x}", "a: b", "- a", "? a", "| \n  x", "> \n  y"]
)  # fmt: skip
plain = st.text("abn~tf0123456789.-+: #'\"[]{}!&*<>|\n", max_size=24)


def careful(content: str) -> object:
    text = Text("x", content)
    build = _Build("x")
    try:
        found = [None if node is None else build.value(node) for node in compose(text.content)]
    except yaml.YAMLError:
        return "syntax"
    return "problems" if build.problems else found


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c d", "1", "~"]), words | plain), max_size=6))
@example([("a", "1"), ("a", "2")])
@example([("a", "1e999")])
def test_both_ways_lead_to_the_same(pairs: list[tuple[str, str]]) -> None:
    content = "".join(f"{key}: {value}\n" for key, value in pairs)
    try:
        quick = read_plain(content)
    except yaml.YAMLError:
        quick = "syntax"  # type: ignore[assignment]
    if quick is not None:
        slow = careful(content)
        assert repr(quick) == repr(slow), content


@given(st.recursive(words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)))
def test_trees_of_any_style(tree: object) -> None:
    for flow in (True, False, None):
        content = yaml.safe_dump(tree, default_flow_style=flow)
        quick = read_plain(content)
        if quick is not None:
            assert repr(quick) == repr(careful(content))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 3000, 100_000])
@pytest.mark.parametrize(
    "nested",
    [
        lambda depth: "[" * depth + "]" * depth,
        lambda depth: "{a: " * depth + "1" + "}" * depth,
        lambda depth: "[{a: " * depth + "1" + "}]" * depth,
        lambda depth: "- " * depth + "x",
        lambda depth: "\n".join(" " * index + "a:" for index in range(min(depth, 3000))),
        lambda depth: "? " * depth + "x",
        lambda depth: "'[' : ']'\n" * 3 + "b: " + "[" * depth + "]" * depth,
        lambda depth: "[[], " * depth + "]" * depth,
    ],
)  # fmt: skip
def test_nothing_deep_reaches_the_parser_unbounded(nested: object, depth: int) -> None:
    content = nested(depth)  # type: ignore[operator]
    with pytest.raises(ManifestError, match=r"nested deeper than|not valid YAML"):
        read(Text("x", content))
    assert read_plain(content) is None


def test_a_text_that_was_let_go_is_read_again_unless_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb: 2\n", encoding="utf-8")
    text = Text("a.yaml", path.read_text(), path)
    digest = text.digest
    text.let_go()
    assert text.content == "a: 1\nb: 2\n"
    assert text.digest == digest
    assert str(text.span(0, ("b",))) == "a.yaml:2:4"
    path.write_text("c: 3\n", encoding="utf-8")
    assert text.content == ""
    assert str(text.span(0, ("b",))) == "a.yaml:1:1", "no place rather than a wrong one"
    path.unlink()
    assert text.content == ""
    kept = Text("b", "a: 1\n")
    kept.let_go()
    assert kept.content == "a: 1\n", "what is in no file is not let go"
