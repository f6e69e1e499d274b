"""The rules of the language that no published sample shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler import dataprep
from reconciler.dataprep.functions import regexes

RECORD: dict[str, Any] = {
    "a": "x", "n": 5, "t": "18", "blank": "",
    "o": {"b": {"c": 1}, "k.l": 2}, "list": [{"v": 1}, {"v": 2}, {}], "new": 7,
    "Full.Name": "Ann", "nested": [[1, [2]], 3],
}  # fmt: skip
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def value(text: str, record: dict[str, Any] | None = None) -> Any:
    found = dataprep.compile_expression(text).evaluate(record or RECORD, dataprep.Context(now=NOW))
    return dataprep.to_json(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o.b.c", 1),
        ("o.b.missing.deeper", None),
        ("missing.deeper", None),
        ("${o.k\\.l}", 2),
        ("o.k\\.l", 2),
        ("Full.Name", "Ann"),
        ("${new}", 7),
        ("list[0].v", 1),
        ("list[9].v", None),
        ("list[*].v", [1, 2, None]),
        ("o['b'].c", 1),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("7 div 2", 3),
        ("-7 / 2", -3),
        ("-7 mod 3", -1),
        ("7.0 / 2", 3.5),
        ("9223372036854775807 + 1", 9223372036854775808),
        ("'a' + 'b'", "ab"),
        ("'a' + 1", "a1"),
        ("t * 2", 36),
        ("t == 18", True),
        ("n > 4 && n lt 6", True),
        ("null == missing", True),
        ("missing ?? 'd'", "d"),
        ("blank ?: 'd'", "d"),
        ("n > 1 ? 'big' : 'small'", "big"),
        ("a =~ ['x', 'y']", True),
        ("'abc' =~ 'a.c'", True),
        ("'abc' =^ 'ab'", True),
        ("not (1 == 2)", True),
        ("true || missing", True),
        ("size(list)", 3),
        ("empty(missing)", True),
        ("\"\\d\" + '\\u0041'", "\\dA"),
        ("0x1F", 31),
        ("3l", 3),
        ("2.5f", 2.5),
        ("{'a': 1}.a", 1),
        ("lower(missing)", None),
        ("replacestr(missing, 'a', 'b')", None),
        ("split('a', missing)", None),
        ("lpad('a', 3, missing)", "  a"),
        ("concat('a', missing, 1.5, true)", "a1.5true"),
        ("concat(1.0E10)", "1.0E10"),
        ("concat(12345678.0)", "1.2345678E7"),
        ("instr('abab', 'b', 2)", 3),
        ("instr('abab', 'b', 0, 2)", 3),
        ("instr('abab', 'z')", -1),
        ("explode('a,b,,', ',')", ["a", "b"]),
        ("explode('a1b22c', '[0-9]+')", ["a", "b", "c"]),
        ("explode('', ',')", [""]),
        ("split('a,;b', ',;')", ["a", "b"]),
        ("left('ab', 9)", "ab"),
        ("right('ab', 9)", "ab"),
        ("lpad('a', 3, null)", "  a"),
        ("lpad('abc', 2, 'x')", "abc"),
        ("substr('abc', 1, 9)", "bc"),
        ("matches_regex('abc', 'b')", False),
        ("extract_regex('abc', 'z')", []),
        ("get_url_port('http://a.b:8080/c')", 8080),
        ("get_url_port('http://a.b/c')", 80),
        ("get_url_host('not a url')", None),
        ("get_url_path('http://a.b/c/d.e?q', false)", "d.e"),
        ("timestamp()", 1767323045678),
        ("now()", "2026-01-02T03:04:05.678Z"),
        ("date(missing, 'yyyy', now())", "2026-01-02T03:04:05.678Z"),
        ("date('3/4/26 5 PM', 'M/d/yy h a')", "2026-03-04T17:00:00Z"),
        ("date('Tue, 06 Jul 2004', 'EEE, dd MMM yyyy')", "2004-07-06T00:00:00Z"),
        ("date('2004-188', 'yyyy-DDD')", "2004-07-06T00:00:00Z"),
        ("date('2020-01-01 10:00 America/New_York', 'yyyy-MM-dd HH:mm VV')", "2020-01-01T15:00:00Z"),
        ("format(date('2020-07-06T01:02:03Z'), \"EEEE 'o''clock' hh:mm a\")", "Monday o'clock 01:02 AM"),
        ("format(zone_date_to_zone(date('2020-07-06T01:02:03Z'), 'Asia/Tokyo'), 'HH')", "10"),
        ("date_part('hh12', date('2020-07-06T15:02:03Z'))", 3),
        ("date_part('SSS', now())", 678),
        ("date_part('mi', now())", 4),
        ("set_date_part('yyyy', 2020, now())", "2020-01-02T03:04:05.678Z"),
        ("make_timestamp(2020, 7, 1, 0, 0, 0, 5000000, 'Europe/Paris')", "2020-06-30T22:00:00.005Z"),
        ("contains_key('o.b.c')", True),
        ("contains_key('o.b.d')", False),
        ("is_set('list[2]')", True),
        ("map_get_values(o.b, ['c', 'c', 'd'])", [1]),
        ("map_has_keys(o.b, ['d', 'c'])", True),
        ("coalesce(missing, 'a')", "a"),
        ("coalesce([null, 2])", 2),
        ("first([])", None),
        ("last(list[*].v)", None),
        ("join('-', [1, null, 'a'])", "1--a"),
        ("flattenArray(nested)", [1, 2, 3]),
        ("transformArray(list, x -> x.v)", [1, 2, None]),
        ("filterArray(transformArray(list, x -> x.v ?? 0), y -> y > 1)", [2]),
        ("transformArray([1, 2], x -> transformArray([10], y -> x * y))", [[10], [20]]),
        ("decode('b', 'a', 1, 'b', 2)", 2),
        ("decode('z', 'a', 1)", None),
        ("min(list[*].v)", 1),
        ("max('a', 'c', 'b')", "c"),
        ("to_integer('-12')", -12),
        ("to_bigint('123456789012345678901234567890')", 123456789012345678901234567890),
        ("to_decimal(n)", 5.0),
        ("to_float('0.1')", 0.1),
        ("iif(is_empty(missing), 'none', missing.equals('x'))", "none"),
        ("'  a '.trim().toUpperCase()", "A"),
        ("list.size()", 3),
        ("aa_get_event_value('event1,event2', 'event2')", "1"),
        ("upper('straße')", "STRASSE"),
    ],
)
def test_an_expression_has_this_value(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("", 0, "expected a value, the expression ends"),
        ("concat('a'", 10, "expected ',' or ')'"),
        ("a b", 2, "expected an operator or the end, found 'b'"),
        ("'abc", 0, "the text that starts with ' has no end"),
        ("1 + new", 4, "'new' is a reserved word"),
        ("a + size", 4, "'size' is a reserved word"),
        ("a # b", 2, "unexpected character '#'"),
        ("a.", 2, "expected a name after '.'"),
        ("1abc", 0, "cannot start with a digit"),
        ("a" * 4097, 4096, "at most 4096 characters"),
        ("(" * 500 + ")" * 500, None, "nested"),
        ("f" + "(a" * 150 + ")" * 150, None, "nested"),
        ("lwer('a')", 0, "did you mean 'lower'?"),
        ("1 + lower('a', 'b')", 4, "lower takes 1 argument, not 2: lower(text)"),
        ("decode()", 0, "decode takes at least 1 argument, not 0"),
        ("substr('a')", 0, "substr takes 3 arguments, not 1"),
        ("lower(x -> x)", 6, "a lambda is an argument of filterArray"),
    ],
)
def test_a_wrong_expression_is_refused_at_its_place(text: str, offset: int | None, words: str) -> None:
    with pytest.raises(dataprep.DataPrepError) as caught:
        dataprep.compile_expression(text)
    assert words in caught.value.message
    if offset is not None:
        assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lower(list)", "expected a text, found an array"),
        ("1 / 0", "division by zero"),
        ("missing.equals('a')", "null has no method equals"),
        ("n > missing", "expected a number, found null"),
        ("iif(missing, 1, 2)", "expected true or false, found null"),
        ("a.b", "is read from the string 'x'"),
        ("list.v", "name an element with [0], or all with [*]"),
        ("format('2020-01-01', 'yyyy')", "make one with date()"),
        ("date('nonsense')", "matches no default date format"),
        ("date('2020-13-01', 'yyyy-MM-dd')", "is not a date"),
        ("date('2020-1-01', 'yyyy-MM-dd')", "does not match the date format"),
        ("format(now(), 'jj')", "'j' is not a letter of a date format"),
        ("zone_date_to_zone(now(), 'Mars/Base')", "is not a time zone"),
        ("to_integer('1.5')", "is not a whole number"),
        ("to_integer('3000000000')", "is not a 32-bit integer"),
        ("to_object('a')", "the last key has no value"),
        ("json_to_object('{')", "the text is not JSON"),
        ("extract_regex('a', '(')", "is not a regular expression"),
        ("min(1, 'a')", "cannot compare"),
        ("lpad('a', 2000000, 'x')", "at most 1000000"),
    ],
)
def test_an_error_of_evaluation_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(dataprep.EvaluationError) as caught:
        value(text)
    assert words in caught.value.message
    assert not isinstance(caught.value, dataprep.NotSupportedLocallyError)
    assert caught.value.offset is not None


@pytest.mark.parametrize(
    "text",
    [
        "fpid_to_ecid('4ed70bee-b654-420a-a3fd-b58b6b65e991')",
        "to_bigint('1.5')",
        "date_part('w', now())",
        "t + 1",
        "a.chars()",
        "ua_device_class('Lynx/2.8.5')",
        "ua_agent_version('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36')",
    ],
)
def test_what_only_the_platform_can_tell_is_never_a_value(text: str) -> None:
    with pytest.raises(dataprep.NotSupportedLocallyError, match="not supported locally"):
        value(text)


@pytest.mark.parametrize("call", ["matches_regex(a, b)", "extract_regex(a, b)", "explode(a, b)", "a =~ b"])
def test_a_regular_expression_is_bounded_in_time(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regexes, "SECONDS", 0.05)
    with pytest.raises(dataprep.EvaluationError, match="takes more than"):
        value(call, {"a": "x" * 5000, "b": "(x+x+)+(x+x+)+y"})


def test_ids_are_repeatable_and_differ_from_each_other() -> None:
    expression = dataprep.compile_expression("[uuid(), guid()]")
    first = expression.evaluate({}, dataprep.Context(seed=1))
    assert first == expression.evaluate({}, dataprep.Context(seed=1))
    assert first != expression.evaluate({}, dataprep.Context(seed=2))
    assert isinstance(first, list)
    assert first[0] != first[1]


def test_branches_are_recorded() -> None:
    context = dataprep.Context(branches=set())
    expression = dataprep.compile_expression("iif(a, 1, decode(b, 1, 'x', 2, 'y', 'z'))")
    for record in ({"a": True}, {"a": False, "b": 2}):
        expression.evaluate(record, context)
    assert context.branches == {(0, 0), (0, 1), (10, 1)}


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("lower(explode('a'))", False, "lower: text takes a string, this is an array"),
        ("lwer('a')", False, "did you mean 'lower'?"),
        ("lower()", True, "lower takes 1 argument, not 0"),
        ("new + 1", True, "reserved word"),
        ("date.equals('x')", False, "also the name of a function"),
        ("a.frobnicate()", False, "not documented"),
        ("format(date('x'), 'yyyy') + lower(upper('x'))", None, ""),
        ("object_to_map(a, date)", None, ""),
    ],
)
def test_checks(text: str, error: bool | None, words: str) -> None:
    problems = dataprep.check(text)
    assert [(one.error, words in one.message) for one in problems] == ([] if error is None else [(error, True)])


def test_references_are_fields_and_no_parameters() -> None:
    found = dataprep.references(dataprep.parse("concat(a.b[0].c, transformArray(l, x -> x.v + ${d e}), f[k])"))
    assert [one.names for one in found] == [("a", "b", "c"), ("l",), ("d e",), ("f",), ("k",)]


def test_a_caret_stands_under_the_place() -> None:
    text = "concat(a,\n  lwer(b))"
    problem = dataprep.check(text)[0]
    place = dataprep.place_at(text, problem.offset)
    assert (place.line, place.column) == (2, 3)
    assert dataprep.with_caret(text, place) == "  lwer(b))\n  ^"
    long = "x" * 200 + " ?"
    shown = dataprep.with_caret(long, dataprep.place_at(long, 201)).splitlines()
    assert shown[0][shown[1].index("^")] == "?"
