"""Hostile HTML costs time in proportion to its length: eight times the text, about eight times the time.

A reader that looks for the same end again and again takes 64 times as long. CPU time, the better of two; run it with
`pytest tests/benchmarks/test_html_growth.py`.
"""

from time import process_time

import pytest

from flowkit.rendering.html.holes import holes
from flowkit.rendering.html.links import rewrite_links
from flowkit.rendering.html.lint import html_findings
from flowkit.rendering.html.scanner import scan
from flowkit.rendering.html.text import derive_text

FAMILIES = {
    "less than": "<",
    "end tags begun": "</",
    "tag names": "<a",
    "comments begun": "<!--",
    "comments in comments": "<!--[if ",
    "conditional comments": "<!--[if a]>",
    "declarations": "<!a",
    "dashes": "<!-- --!",
    "double quotes": '<a b="',
    "single quotes": "<a b='\"",
    "attributes without values": "<a b ",
    "equals signs": "<a =",
    "slashes": "<a/",
    "elements of text": "<title></titl",
    "scripts": "<script>",
    "scripts in comments": "<script><!--",
    "references": "&#1",
    "long reference": "&#x1",
    "nested elements": "<div>",
    "nested links": "<a href='http://x.test/?a'>",
    "nested lists": "<ul><li>",
    "nested tables": "<table><tr><td>",
    "hidden": "<p style='display:none'>",
    "tags of a template": "<a {{ b }}",
    "values of a template": "{{ '",
    "braces": "{{ {",
    "names in pieces": "<a b{{ x }}b{{ x }}",
    "white space": " \n",
}


def _seconds(source, work):
    best = float("inf")
    for _ in range(2):
        begun = process_time()
        work(source)
        best = min(best, process_time() - begun)
    return best


def _scan(source):
    scan(source, holes(source))


WORKS = {
    "scan": _scan,
    "plain part": derive_text,
    "links": lambda source: rewrite_links(source, lambda url: f"{url}?", is_template=True),
    "lint": html_findings,
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("work", WORKS)
def test_time_grows_with_length_alone(work, family):
    piece = FAMILIES[family]
    short, long = (piece * (length // len(piece)) for length in (25_000, 200_000))
    few, many = _seconds(short, WORKS[work]), _seconds(long, WORKS[work])
    # What takes less than this is measured as noise.
    assert many <= 12 * max(few, 0.002)
