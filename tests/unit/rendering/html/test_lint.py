"""What readers and filters would mind is found, where it stands, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.rendering.html.lint import html_findings

GOOD = """<!doctype html><html lang="en"><head><title>News</title></head><body>
<p>Hi {{ name }} <a href="https://x.test/{{ path }}">go</a> <img src="https://x.test/a.png" alt="" width="10"></p>
<img src="cid:logo" alt="Logo" style="max-width: 10px"><a href="mailto:a@x.test">write</a>
<a href="{{ unsubscribe_url }}">Leave</a></body></html>"""


def test_a_good_one_is_good():
    assert html_findings(GOOD) == ()


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        (' alt=""', "", "missing_alt", (2, 61)),
        (' width="10"', "", "missing_size", (2, 61)),
        (' lang="en"', "", "missing_lang", (1, 16)),
        ("News", " ", "missing_title", (1, 16)),
        ('"{{ unsubscribe_url }}"', '"https://x.test/bye"', "missing_unsubscribe", (1, 1)),
        ("https://x.test/{{ path }}", "javascript:{{ path }}", "unsafe_scheme", (2, 21)),
        ("https://x.test/{{ path }}", "java&#115;cript:x", "unsafe_scheme", (2, 21)),
        ("https://x.test/{{ path }}", "http://x.test/", "insecure_link", (2, 21)),
        ("https://x.test/{{ path }}", "#", "empty_link", (2, 18)),
        ("<p>", "<form><p>", "active_content", (2, 1)),
        ("<p>", "<script></script><p>", "active_content", (2, 1)),
        ("<p>", '<p onclick="x">', "handler", (2, 4)),
        ("<p>", "<meta http-equiv=Refresh content=0><p>", "unsafe_refresh", (2, 1)),
        ("<p>", "<base href='https://x.test/'><p>", "base_url", (2, 1)),
        ("<p>", f"<p>{'é' * 45_100}", "large", (1, 1)),
        ("<p>", f"<p>{'é' * 51_100}", "clipped", (1, 1)),
    ],
)
def test_each_fault_is_found_where_it_is(old, new, code, place):
    assert old in GOOD
    [finding] = html_findings(GOOD.replace(old, new, 1))
    assert (finding.code, (finding.line, finding.column)) == (code, place)


def test_mail_that_was_asked_for_needs_no_way_out():
    assert html_findings("<p>Your receipt</p>", marketing=False) == ()


@given(st.text("<>/!-='\"{}% aimgsrc:on\n", max_size=200))
def test_any_text_can_be_looked_at(source):
    for finding in html_findings(source):
        assert 1 <= finding.line <= source.count("\n") + 1
        assert finding.column >= 1
