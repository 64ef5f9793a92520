"""What is wrong is gathered up to a limit, and said in words that are short and fit to be printed."""

from datetime import date

import pytest

from flowkit.errors import DocumentError, Problem
from flowkit.problems import Problems, likely, meant, pointer, short, suggestion


def test_nothing_wrong_is_no_error():
    problems = Problems()
    problems.done()
    assert problems.found == []


def test_what_was_found_is_raised_in_order():
    problems = Problems()
    problems.add("wrong_type", "/b", "must be text")
    problems.extend(DocumentError([Problem("bad_id", "/a", message="is empty")]))
    with pytest.raises(DocumentError) as caught:
        problems.done()
    assert [(one.code, one.path, one.message) for one in caught.value.problems] == [
        ("wrong_type", "/b", "must be text"),
        ("bad_id", "/a", "is empty"),
    ]


def test_reading_stops_at_the_limit_and_says_so():
    problems = Problems(2)
    problems.add("a", "", "")
    problems.add("b", "", "")
    with pytest.raises(DocumentError) as caught:
        problems.add("c", "", "")
    assert [one.code for one in caught.value.problems] == ["a", "b", "too_many_problems"]


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("plain", "/plain"),
        (3, "/3"),
        ("", "/"),
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("é", "/é"),
        ("x\x1b[31m\n", "/x\ufffd[31m\ufffd"),
        ("\ud800", "/\ufffd"),
        ("y" * 255, "/" + "y" * 255),
        ("y" * 256, "/" + "y" * 254 + "…"),
    ],
)
def test_a_pointer_follows_rfc_6901_and_can_be_printed(key, step):
    assert pointer("/a", key) == "/a" + step
    assert pointer("", key).encode()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-1.5, "-1.5"),
        (10**100, "an integer of 333 bits"),
        ("x", '"x"'),
        ("x" * 40, '"' + "x" * 40 + '"'),
        ("x" * 41, '"' + "x" * 37 + '..."'),
        ("a\x00b\ud800", '"a\ufffdb\ufffd"'),
        ({"a": [1]}, "an object"),
        ([1], "a list"),
        ((1,), "a list"),
        ({1}, "a Python set"),
        (date(2026, 1, 1), "a Python date"),
    ],
)
def test_a_value_is_shown_as_a_document_spells_it(value, words):
    assert short(value) == words


def test_an_integer_too_long_for_python_to_print_is_shown():
    assert short(10**5000) == f"an integer of {(10**5000).bit_length()} bits"


def test_a_near_word_is_guessed():
    assert suggestion("priorty", ("priority", "active")) == 'did you mean "priority"?'


def test_without_a_near_word_the_known_are_listed_but_not_all_of_many():
    assert suggestion("zzz", ("b", "a")) == 'known are "b", "a"'
    listed = suggestion("zzz", (f"name{number}" for number in range(10_000)))
    assert listed.count('"name') == 12
    assert listed.endswith(", ...")


def test_a_word_too_long_to_be_a_slip_is_not_compared():
    # Likeness would be found: the words differ in one letter.
    assert suggestion("x" * 81, ("x" * 80 + "y",)).startswith("known are")
    assert suggestion("x" * 80, ("x" * 79 + "y",)).startswith("did you mean")


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("subject", "subject"),
        ("Subject", "subject"),
        ("subjct", "subject"),
        ("subjecct", "subject"),
        ("sudject", "subject"),
        ("sbuject", "subject"),
        ("expiresAfter", "expires_after"),
        ("expires-after", "expires_after"),
        ("expires_aftr", "expires_after"),
        ("expire_afetr", "expires_after"),
        ("AT", "at"),
    ],
)
def test_a_misspelled_name_is_told_from_another(word, known):
    assert meant(word, ("topic", "at", "subject", "expires_after")) == known


@pytest.mark.parametrize("word", ["object", "subjects_of", "atx", "a", "", "topless", "expires", "x" * 10_000])
def test_a_name_of_its_own_is_no_misspelling(word):
    assert meant(word, ("topic", "at", "subject", "expires_after")) is None


def test_the_nearest_is_meant():
    assert meant("duration_day", ("duration_ways", "duration_days")) == "duration_days"


def test_of_many_words_only_the_first_are_looked_at_for_a_misspelling():
    known = ("template_id",)
    assert likely((*(f"k{number}" for number in range(40)), "templateId"), known) == "templateId"
    assert likely((*(f"k{number}" for number in range(60)), "templateId"), known) is None
    assert likely((), known) is None
