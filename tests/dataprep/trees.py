"""Random expressions and records, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.dataprep.functions import agents  # noqa: F401  fills the function table
from reconciler.dataprep.lexer import RESERVED
from reconciler.dataprep.methods import METHODS
from reconciler.dataprep.parser import PRECEDENCE
from reconciler.dataprep.syntax import (
    ArrayLiteral,
    Call,
    Chain,
    Conditional,
    Index,
    Lambda,
    Literal,
    MapLiteral,
    Member,
    Method,
    Name,
    Node,
    Unary,
    Wildcard,
)
from reconciler.dataprep.table import FUNCTIONS

TEXTS = st.text(max_size=8) | st.sampled_from(["a", "2020-01-02", "yyyy-MM-dd", "(a+)+$", "1", "a:1,b:2", "UTC", "\\d"])
NAMES = st.sampled_from(["a", "b", "c.d", "first name", "new", "$x", "_id", "date"]) | st.text(min_size=1, max_size=5)
LITERALS = st.builds(
    Literal,
    st.none() | st.booleans() | st.integers(0, 2**70) | st.floats(0, allow_nan=False, allow_infinity=False) | TEXTS,
)
LEVELS = sorted(set(PRECEDENCE.values()))
CALLED = st.sampled_from(sorted(FUNCTIONS)) | st.sampled_from(["size", "empty", "unknown"])


@st.composite
def _chains(draw: st.DrawFn, nodes: st.SearchStrategy[Node]) -> Node:
    level = draw(st.sampled_from(LEVELS))
    signs = st.sampled_from([sign for sign, own in PRECEDENCE.items() if own == level])
    rest = draw(st.lists(st.tuples(signs, nodes), min_size=1, max_size=3))
    return Chain(draw(nodes), tuple(rest))


def _deeper(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    many = st.lists(nodes, max_size=4).map(tuple)
    parameters = st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=2).map(tuple)
    lambdas = st.builds(Lambda, st.just(("x",)), nodes)
    return st.one_of(
        st.builds(Member, nodes, NAMES, st.booleans()),
        st.builds(Index, nodes, nodes),
        st.builds(Wildcard, nodes),
        st.builds(Call, CALLED, many),
        st.builds(Call, st.sampled_from(["filterArray", "transformArray"]), st.tuples(nodes, lambdas)),
        st.builds(Method, nodes, st.sampled_from([*METHODS, "other"]), many),
        st.builds(Unary, st.sampled_from("!-+~"), nodes),
        _chains(nodes),
        st.builds(Conditional, nodes, st.none() | nodes, nodes),
        st.builds(ArrayLiteral, many),
        st.builds(MapLiteral, st.lists(st.tuples(nodes, nodes), max_size=3).map(tuple)),
        st.builds(Lambda, parameters, nodes),
    )


LEAVES = LITERALS | st.builds(Name, st.lists(NAMES, min_size=1, max_size=2).map(tuple)) | st.just(Name(("x",)))
TREES: st.SearchStrategy[Node] = st.recursive(LEAVES, _deeper, max_leaves=12)

_SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=5)

WORDS = st.sampled_from([
    *"+-*/%!~<>()[]{},.?:&|^\"'\\$@", "==", "->", "?.", "??", "[*]", "${", "${a b}", "a", "b.c", "1", "2.5", "'t'",
    '"t"', "lower(", "iif(", "concat(", "size(", "null", "true", *sorted(RESERVED),
])  # fmt: skip
SOUP = st.lists(WORDS, max_size=14).map(" ".join) | st.lists(WORDS, max_size=14).map("".join) | st.text(max_size=20)
"""Texts that are nearly expressions."""
