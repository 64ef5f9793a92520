"""The strict, bounded reader: text and Python objects become plain JSON, or typed errors with their places."""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.documents import Limits, check, read, split
from flowkit.errors import DocumentError
from tests.support.refusals import refusals

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def exactly(value: object) -> str:
    """A text that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


# ------------------------------------------------------------------------------------------------------------
# Text


@given(values)
def test_what_json_wrote_is_read(value):
    text = json.dumps(value, ensure_ascii=False)
    assert exactly(read(text)) == exactly(value)
    assert exactly(read(text.encode())) == exactly(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        (" ", "bad_json"),
        ("{", "bad_json"),
        ("[1,]", "bad_json"),
        ("{'a': 1}", "bad_json"),
        ("1 2", "bad_json"),
        ("nul", "bad_json"),
        ("01", "bad_json"),
        ("+1", "bad_json"),
        ("1.", "bad_json"),
        ('"a\nb"', "bad_json"),
        ('"\\x"', "bad_json"),
        ('{"a": 1 /* b */}', "bad_json"),
        ("é".encode("latin-1"), "bad_encoding"),
        (b'"\xed\xa0\x80"', "bad_encoding"),
        ("1".encode("utf-16"), "bad_encoding"),
        ("1".encode("utf-8-sig"), "bad_encoding"),
        ("\ufeff1", "bad_encoding"),
        (None, "wrong_type"),
        (bytearray(b"1"), "wrong_type"),
    ],
)
def test_what_is_no_json_text_is_refused(text, code):
    assert refusals(lambda: read(text)) == [(code, "")]


def test_a_syntax_error_says_where():
    with pytest.raises(DocumentError, match="line 2, column 3"):
        read("{\n  a: 1}")


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "9223372036854775808",
        "-9223372036854775809",
        pytest.param("9" * 310, id="310 digits"),
        pytest.param("9" * 4_000_000, id="4,000,000 digits"),
        pytest.param("-" + "9" * 5_000, id="5,000 digits"),
    ],
)
def test_a_number_without_a_bounded_value_is_refused(number):
    assert refusals(lambda: read(f'{{"a": [0, {number}]}}')) == [("out_of_range", "/a/1")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e308", 1e308),
        ("-0", 0),
        ("1.0", 1.0),
        ("1e-999", 0.0),
    ],
)
def test_the_last_numbers_that_are_read(text, value):
    assert exactly(read(text)) == exactly(value)


def test_integers_may_be_wider_or_narrower_by_choice():
    assert read("255", limits=Limits(integer_bits=9)) == 255
    assert refusals(lambda: read("256", limits=Limits(integer_bits=9))) == [("out_of_range", "")]
    assert read(str(2**1023 - 1), limits=Limits(integer_bits=1024)) == 2**1023 - 1
    assert read(str(-(2**1023)), limits=Limits(integer_bits=1024)) == -(2**1023)


def test_a_key_that_is_there_twice_is_refused_wherever_it_is():
    text = '{"a": {"b": 1, "c": 2, "b": 3, "b": 3}, "d": [{"e": 1, "e": 1}], "f": 1, "\\u0066": 2}'
    assert refusals(lambda: read(text)) == [
        ("duplicate_key", "/f"),
        ("duplicate_key", "/a/b"),
        ("duplicate_key", "/d/0/e"),
    ]


@pytest.mark.parametrize("text", ['"\\ud800"', '"a\\udfffb"', '"\\udc00\\ud800"', '"\ud800"'])
def test_half_of_a_surrogate_pair_is_refused_as_value_and_as_key(text):
    assert refusals(lambda: read(f'{{"a": {text}}}')) == [("bad_text", "/a")]
    assert [code for code, _ in refusals(lambda: read(f"{{{text}: 1}}"))] == ["bad_text"]


def test_a_whole_surrogate_pair_is_one_character():
    assert read('"\\ud83d\\ude00"') == "😀"


def test_everything_wrong_is_told_at_once_in_order():
    text = '{"a": [NaN, {"b": 1, "b": 2}], "c": "\\ud800", "d": 1e400, "ok": 1}'
    assert refusals(lambda: read(text)) == [
        ("out_of_range", "/a/0"),
        ("duplicate_key", "/a/1/b"),
        ("bad_text", "/c"),
        ("out_of_range", "/d"),
    ]


def test_no_document_makes_the_list_of_its_errors_endless():
    codes = [code for code, _ in refusals(lambda: read(f"[{'NaN,' * 500_000} 1]"))]
    assert codes == ["out_of_range"] * 100 + ["too_many_problems"]
    assert len(refusals(lambda: read("[NaN, NaN, NaN]", limits=Limits(problems=2)))) == 3


# ------------------------------------------------------------------------------------------------------------
# Size and depth


def test_the_size_is_that_in_utf_8_for_text_and_for_bytes():
    assert read('"éé"', max_bytes=6) == "éé"
    assert read('"éé"'.encode(), max_bytes=6) == "éé"
    assert refusals(lambda: read('"éé"', max_bytes=5)) == [("too_large", "")]
    assert refusals(lambda: read('"éé"'.encode(), max_bytes=5)) == [("too_large", "")]


def test_by_default_a_document_has_4_mebibytes():
    assert read('"' + "x" * (4 * 1024 * 1024 - 2) + '"')
    assert refusals(lambda: read('"' + "x" * (4 * 1024 * 1024 - 1) + '"')) == [("too_large", "")]


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_depth_is_counted_over_lists_and_objects(opening):
    levels = opening.count("[") + opening.count("{")
    closing = "".join({"[": "]", "{": "}"}[sign] for sign in reversed(opening) if sign in "[{")
    fitting = opening * (64 // levels) + "1" + closing * (64 // levels)
    assert read(fitting)
    assert refusals(lambda: read("[" + fitting + "]")) == [("too_deep", "")]


@pytest.mark.parametrize("sign", ["[", '{"a":', "[{", '[[],"\\"[",'])
def test_endless_nesting_is_refused_before_it_is_parsed(sign):
    assert refusals(lambda: read(sign * (4_000_000 // len(sign)))) == [("too_deep", "")]


def test_brackets_inside_texts_and_beside_each_other_are_no_depth():
    assert read(json.dumps(['[[{"\\' * 100] * 100)) == ['[[{"\\' * 100] * 100
    assert read("[" + "[]," * 100_000 + "{}]")


def test_near_the_end_of_the_stack_nothing_but_the_own_error_is_raised():
    def below(frames: int, call: Callable[[], object]) -> object:
        return call() if frames == 0 else below(frames - 1, call)

    used, frame = 0, sys._getframe()
    while frame is not None:
        used, frame = used + 1, frame.f_back
    document = "[" * 60 + "]" * 60
    plain = json.loads(document)
    for call in (lambda: read(document), lambda: check(plain)):
        refused: list[str] = []
        value = plain
        try:
            value = below(sys.getrecursionlimit() - used - 40, call)
        except DocumentError as error:
            refused = [problem.code for problem in error.problems]
        assert refused in ([], ["too_deep"])
        assert value == plain


# ------------------------------------------------------------------------------------------------------------
# Python objects


class Word(StrEnum):
    A = "a"


class Number(IntEnum):
    ONE = 1


@given(values)
def test_an_object_is_held_to_the_rules_of_its_text(value):
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert exactly(check(value, max_bytes=size)) == exactly(value)
    assert refusals(lambda: check(value, max_bytes=size - 1)) == [("too_large", "")]


def test_the_copy_shares_nothing_and_has_plain_types():
    inner = [1]
    given_value = MappingProxyType({Word.A: (inner, Word.A, Number.ONE, True), "b": OrderedDict(c=None)})
    copy = check(given_value)
    inner.append(2)
    assert exactly(copy) == exactly({"a": [[1], "a", 1, True], "b": {"c": None}})
    pending = [copy]
    while pending:
        value = pending.pop()
        assert type(value) in {dict, list, str, int, bool, type(None)}
        pending.extend(value if isinstance(value, list) else value.values() if isinstance(value, dict) else ())
    assert all(type(key) is str for key in copy)


@pytest.mark.parametrize(
    "value",
    [{1}, b"x", Decimal(1), datetime.now(UTC), timedelta(), object(), 1j, iter(()), range(3), Exception],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused(value):
    assert refusals(lambda: check(value)) == [("wrong_type", "")]
    assert refusals(lambda: check({"a": [0, value]})) == [("wrong_type", "/a/1")]


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"a", ("a",)])
def test_keys_are_text(key):
    assert refusals(lambda: check({"a": {key: 1, "b": float("nan")}})) == [
        ("wrong_type", "/a"),
        ("out_of_range", "/a/b"),
    ]


def test_a_python_object_has_the_same_limits():
    deep: list[object] = []
    for _ in range(64):
        deep = [deep]
    assert refusals(lambda: check(deep)) == [("too_deep", "/0" * 64)]
    assert check(deep[0]) == deep[0]
    assert refusals(lambda: check([2**63, float("inf"), "\ud800"])) == [
        ("out_of_range", "/0"),
        ("out_of_range", "/1"),
        ("bad_text", "/2"),
    ]


def test_an_object_nested_beyond_every_stack_is_refused():
    deep: object = 1
    for _ in range(100_000):
        deep = {"a": deep}
    assert refusals(lambda: check(deep)) == [("too_deep", "/a" * 64)]


def test_what_holds_itself_is_refused():
    ring: list[object] = [1]
    ring.append({"ring": (ring,)})
    assert refusals(lambda: check(ring)) == [("cycle", "/1/ring/0")]


def test_what_is_shared_without_holding_itself_is_copied():
    shared = {"a": 1}
    assert check([shared, shared, {"b": shared}]) == [shared, shared, {"b": shared}]


@pytest.mark.parametrize("laughs", ["ha", None, [], {}, {"ha": ""}], ids=str)
def test_parts_shared_many_times_over_cannot_blow_up(laughs):
    for _ in range(60):
        laughs = [laughs, laughs]
    assert refusals(lambda: check(laughs, max_bytes=10_000)) == [("too_large", "")]


# ------------------------------------------------------------------------------------------------------------
# Lists of documents


@given(st.lists(values), st.sampled_from([None, 1]))
def test_a_list_is_cut_into_the_texts_of_its_items(items, indent):
    pieces = split(json.dumps(items, indent=indent), max_bytes=1_000_000, max_items=1_000)
    assert [exactly(json.loads(piece)) for piece in pieces] == [exactly(item) for item in items]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (" [ ] ", []),
        ("[1]", ["1"]),
        ('["],[", {"a,": [1, 2]},x]', ['"],["', ' {"a,": [1, 2]}', "x"]),
        ("[,1,]", ["", "1", ""]),
        ("[1,2,3,4,5,6,7,8,9,0]", list("1234567890")),
        ('["\\"", "\\\\", 1]', ['"\\""', ' "\\\\"', " 1"]),
    ],
)
def test_an_item_may_be_wrong_without_touching_the_others(text, pieces):
    assert split(text, max_bytes=100, max_items=10) == pieces


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "wrong_type"),
        ("{}", "wrong_type"),
        ("1", "wrong_type"),
        ("[", "bad_json"),
        ("[1", "bad_json"),
        ("[1}", "bad_json"),
        ("[1]]", "bad_json"),
        ("[1] 2", "bad_json"),
        ("[[1]", "bad_json"),
        ('["1]', "bad_json"),
        ("[}", "bad_json"),
        ("[1],[2]", "bad_json"),
        (b"[\xff]", "bad_encoding"),
        ("[" + "1" * 99 + "]", "too_large"),
        ("[1,2,3,4,5,6,7,8,9,0,1]", "too_long"),
    ],
)
def test_where_no_item_can_be_told_from_the_next_the_list_is_refused(text, code):
    assert refusals(lambda: split(text, max_bytes=100, max_items=10)) == [(code, "")]


# ------------------------------------------------------------------------------------------------------------
# Limits


@pytest.mark.parametrize(
    "wrong",
    [
        {"depth": 0},
        {"depth": 201},
        {"depth": 6.5},
        {"nodes": "many"},
        {"integer_bits": 1025},
        {"id_length": 256},
        {"event_bytes": -1},
        {"duration": timedelta(days=36_526)},
        {"duration": timedelta()},
    ],
)
def test_a_limit_that_cannot_be_kept_is_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        Limits(**wrong)


def test_the_limits_are_those_that_are_promised():
    assert Limits() == Limits(
        document_bytes=4 * 1024 * 1024,
        batch_bytes=64 * 1024 * 1024,
        batch_events=100_000,
        event_bytes=1024 * 1024,
        problems=100,
        event_keys=1000,
        depth=64,
        nodes=10_000,
        actions=1000,
        integer_bits=64,
        id_length=255,
        duration=timedelta(days=36_525),
    )
