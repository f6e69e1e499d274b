"""Values change in a YAML text, everything else stays as it was written."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, note
from hypothesis import strategies as st

from reconciler.core.values import MISSING, Tree
from reconciler.yamltext.dump import yaml_text
from reconciler.yamltext.edit import CannotEditError, Edit, rewritten
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text

TEXT = """\
# the first document
a: 1
---
spec:   # what is wanted
  flow: {name: Summer, description: 'made by hand'}   # in one line

  target:
    params:
      stream: "clicks"    # the stream
      region: eu-west-1
    long: |
      several
      lines
    last: x
  # audiences of the campaign
  audiences:
    - {id: a1, name: One}   # the first
    # before the second
    - id: a2
      name: Two

    - {id: a3, name: Three}
  attributes: [one, two.three]
  empty: {}
  none: []
end: yes
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("spec", "flow", "name"), "Winter", "{name: Summer,", "{name: Winter,"),
        (("spec", "flow", "description"), "it's", "'made by hand'", "it's"),
        (("spec", "target", "params", "stream"), "a b", '"clicks"    #', "a b    #"),
        (("spec", "target", "params", "stream"), "no", '"clicks"', "'no'"),
        (("spec", "target", "params", "stream"), 15, '"clicks"', "15"),
        (("spec", "target", "params", "region"), MISSING, "      region: eu-west-1\n", ""),
        (("spec", "target", "params", "more"), True, "eu-west-1\n", "eu-west-1\n      more: true\n"),
        (("spec", "target", "long"), "one", "|\n      several\n      lines\n", "one\n"),
        (("spec", "target", "long"), MISSING, "    long: |\n      several\n      lines\n", ""),
        (("spec", "target", "deep", "er"), 1, "    last: x\n", "    last: x\n    deep: {er: 1}\n"),
        (("spec", "flow", "state"), "disabled", "'made by hand'}", "'made by hand', state: disabled}"),
        (("spec", "flow", "description"), MISSING, "{name: Summer, description: 'made by hand'}", "{name: Summer}"),
        (("spec", "audiences", "0"), MISSING, "    - {id: a1, name: One}   # the first\n", ""),
        (("spec", "audiences", "1"), MISSING, "    - id: a2\n      name: Two\n", ""),
        (("spec", "audiences", "1", "name"), "Zwei", "name: Two", "name: Zwei"),
        (("spec", "audiences", "-"), {"id": "a4"}, "Three}\n", "Three}\n    - {id: a4}\n"),
        (("spec", "attributes", "0"), MISSING, "[one, two.three]", "[two.three]"),
        (("spec", "attributes", "-"), "four", "two.three]", "two.three, four]"),
        (("spec", "empty", "a"), 1, "empty: {}", "empty: {a: 1}"),
        (("spec", "none", "-"), "x", "none: []", "none: [x]"),
        (("spec", "fresh", "-"), "x", "  none: []\n", "  none: []\n  fresh: [x]\n"),
        (("end",), None, "end: yes", "end: null"),
        (("nothing", "here"), MISSING, "end", "end"),
    ],
)
def test_one_edit(path: tuple[str, ...], value: Tree, old: str, new: str) -> None:
    assert TEXT.count(old) == 1 or old == new
    assert rewritten(Text("f", TEXT), [Edit(1, path, value)]) == TEXT.replace(old, new)


def test_several_edits() -> None:
    edits = [
        Edit(1, ("spec", "audiences", "0"), MISSING),
        Edit(1, ("spec", "audiences", "2"), MISSING),
        Edit(1, ("spec", "audiences", "-"), {"id": "b"}),
        Edit(1, ("spec", "attributes", "0"), MISSING),
        Edit(1, ("spec", "attributes", "1"), MISSING),
        Edit(0, ("a",), 2),
    ]
    after = read(Text("f", rewritten(Text("f", TEXT), edits)))
    assert after[0] == {"a": 2}
    assert after[1]["spec"]["audiences"] == [{"id": "a2", "name": "Two"}, {"id": "b"}]
    assert after[1]["spec"]["attributes"] == []
    all_gone = [Edit(1, ("spec", "audiences", str(number)), MISSING) for number in range(3)]
    assert read(Text("f", rewritten(Text("f", TEXT), all_gone)))[1]["spec"]["audiences"] == []


def test_where_there_is_no_place() -> None:
    with pytest.raises(CannotEditError):
        rewritten(Text("f", TEXT), [Edit(1, ("end", "x"), 1)])
    with pytest.raises(CannotEditError):
        rewritten(Text("f", TEXT), [Edit(1, ("spec", "attributes", "9", "x"), 1)])


keys = st.text(alphabet="abc", min_size=1, max_size=2)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=6)
    | st.sampled_from(["no", "12:30", "#x", "a: b"])
)
trees = st.recursive(
    scalars, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3), max_leaves=8
)
roots = st.dictionaries(keys, trees, min_size=1, max_size=3)


@given(roots, scalars, st.data(), st.booleans())
def test_what_is_read_back_is_what_was_wanted(
    tree: dict[str, Tree], value: Tree, data: st.DataObject, block: bool
) -> None:
    text = yaml.safe_dump(tree, default_flow_style=not block and None, allow_unicode=True)
    note(text)
    tree = read(Text("f", text))[0]
    path: list[str] = []
    here: Tree = tree
    while isinstance(here, dict | list) and here and (not path or data.draw(st.booleans())):
        step = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        path.append(str(step))
        parent, here = here, here[step]
    wanted = read(Text("f", text))[0]
    spot = wanted
    for step in path[:-1]:
        spot = spot[int(step)] if isinstance(spot, list) else spot[step]
    note(f"{path} = {value!r}")
    spot[int(path[-1]) if isinstance(parent, list) else path[-1]] = value
    assert read(Text("f", rewritten(Text("f", text), [Edit(0, tuple(path), value)])))[0] == wanted


ODD = (
    "a,b", "a, b", "[a", "a]", "{a", "a}", ":b", "?b", "a: b", "a #b", "\xa0", "a\xa0", "\u3000", "\x85", "a\u2028b",
    "a\nb", "\ufeffa", "- a", "'a", '"a', "&a", "*a", "!a", "%a", "@a", "`a", "~", "", " ", "null", "1", "1e3", "0o7",
    "no", "12:30", "1_000", "=", "<<", "---", "...", ".5", "+1", "0x1F",
)  # fmt: skip
"""Texts that YAML could take for something else; what means nothing in a block may end a value on one line."""


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(
    ("text", "path"),
    [("{a: null}\n", ("a",)), ("a: null\n", ("a",)), ("a: [1, 2]\n", ("a", "0")), ("a:\n- 1\n", ("a", "0"))],
    ids=["flow", "block", "flow list", "list"],
)
def test_an_odd_text_is_put_in_so_that_it_is_read_again(value: str, text: str, path: tuple[str, ...]) -> None:
    here = read(Text("f", rewritten(Text("f", text), [Edit(0, path, value)])))[0]["a"]
    assert (here[0] if len(path) > 1 else here) == value


@pytest.mark.parametrize("value", ODD)
def test_an_odd_text_is_exported_so_that_it_is_read_again(value: str) -> None:
    document = {"a": value, "b": [value, {value or "k": value}]}
    assert read(Text("f", yaml_text(document)))[0] == document


PRINTABLE = st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")) | st.sampled_from(
    " \n\t\x85\xa0\u2028"
)
"""Printable characters, and the blanks and breaks that YAML knows."""


@given(st.text(PRINTABLE))
def test_any_text_is_exported_so_that_it_is_read_again(value: str) -> None:
    assert read(Text("f", yaml_text({"a": value})))[0] == {"a": value}
