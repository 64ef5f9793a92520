"""A text on one line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.rendering.lines import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("Hello  there ", "Hello  there "),
        ("a\nb", "a b"),
        ("a \r\n\t b", "a b"),
        ("a\u2028b\u2029c\x85d\ve\ff\x1cg", "a b c d e f g"),
        ("a\tb", "a b"),
        ("a\0b\x1b[31mc\x7fd\x9fe", "ab[31mcde"),
        ("\u202eevil\u2066x", "evilx"),
        ("שלום\u200f!", "שלום\u200f!"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_what_becomes_of_it(text, line):
    assert one_line(text) == line


@given(st.text(st.characters()))
def test_it_is_one_line_that_can_be_encoded(text):
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert "Cc" not in set(map(unicodedata.category, line))
    assert line.encode().decode() == line
    assert one_line(line) == line


def test_its_time_grows_with_its_length():
    # Quadratic work over a million spaces would not end within the time of a test run.
    assert one_line(" " * 1_000_000 + "a\n") == " " * 1_000_000 + "a "
