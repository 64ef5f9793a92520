"""Which regular expressions are let through, and that these end in time."""

import time

import pytest

from flowkit.conditions import parse
from flowkit.conditions.patterns import LONGEST_PATTERN, BadPattern, compile_pattern
from tests.support.refusals import refusals


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*",
        "(a+){2,}",
        "(a+){3}",
        "(?:a{1,5})+",
        "((a+)b)*",
        "(a|a)*b",
        "(a?){30}a{30}",
        "(?P<x>a+)+",
        "(?i:a+)+",
        "(?>a+)+",
        r"(a+)\1",
        "(?P<x>a)(?P=x)",
        "(a)(?(1)b|c)",
        "(a+)(?#x)+",
        "(?x)(a +) +",
        r"(\)a+)+",
        "([)a]+)+",
        "([]a]+)+",
        "a*a*a*a*b",
        "a?" * 30 + "a" * 30,
        "(a|b)" * 30,
        "[[a]",
        "[a--b]",
        "(",
        ")",
        "[a",
        "a**",
        "*",
        "a{3,2}",
        "\\",
        "a" * (LONGEST_PATTERN + 1),
        "(" * 200,
    ],
)
def test_what_could_take_for_ever_or_is_none_is_refused_at_load(pattern):
    with pytest.raises(BadPattern):
        compile_pattern(pattern)
    document = {"event_properties": {"x": {"$regex": pattern}}}
    assert refusals(lambda: parse(document)) == [("bad_pattern", "/event_properties/x/$regex")]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^a+$", "aaa"),
        (r"^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$", "ada@example.com"),
        (r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$", "10.0.0.1"),
        ("(?:sale|deal|offer)s?", "deals"),
        ("(ab)+", "abab"),
        ("(a+)?b", "aab"),
        ("[]a]+", "]]"),
        ("[(+*]", "+"),
        (r"\(a\)+", "(a))"),
        ("a{,2}", ""),
        ("a{x}", "a{x}"),
        ("(?i)A", "a"),
        ("a++b*+", "aab"),
        ("(?=a+)a", "a"),
        ("", "anything"),
    ],
)
def test_what_ends_in_time_is_let_through(pattern, text):
    assert compile_pattern(pattern).found(text)


@pytest.mark.parametrize("pattern", ["a*a*b", "a.*a.*a.*b", r"^[a-z.]+@[a-z.]+\.[a-z]+$", "(?:a|aa|aaa)a*b"])
def test_the_longest_text_is_searched_in_seconds(pattern):
    compiled = compile_pattern(pattern)
    before = time.process_time()
    compiled.found("a" * compiled.longest)
    compiled.found(("a." * compiled.longest)[: compiled.longest])
    assert time.process_time() - before < 20
    assert not compiled.found("a" * compiled.longest + "ab")
