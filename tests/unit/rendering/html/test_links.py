"""Links get their parameters, and all else stays as it was."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import ConfigurationError
from flowkit.rendering.html.links import LinkRules, has_open_links, rewrite_links, with_parameters

UTM = {"utm_source": "mail", "utm_campaign": "spring & more"}
WRITTEN = "utm_source=mail&utm_campaign=spring%20%26%20more"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://x.test", f"https://x.test?{WRITTEN}"),
        ("https://x.test/a", f"https://x.test/a?{WRITTEN}"),
        ("https://x.test/?", f"https://x.test/?{WRITTEN}"),
        ("https://x.test/?a=1&b=%20", f"https://x.test/?a=1&b=%20&{WRITTEN}"),
        ("https://x.test/?a=1&", f"https://x.test/?a=1&{WRITTEN}"),
        ("https://x.test/#top", f"https://x.test/?{WRITTEN}#top"),
        ("https://x.test/?a#/route?b=1", f"https://x.test/?a&{WRITTEN}#/route?b=1"),
        ("https://x.test/?utm_source=own", "https://x.test/?utm_source=own&utm_campaign=spring%20%26%20more"),
        ("https://x.test/?utm%5Fsource=own&utm_campaign", "https://x.test/?utm%5Fsource=own&utm_campaign"),
    ],
)
def test_parameters(url, written):
    assert with_parameters(url, UTM) == written
    assert with_parameters(written, UTM) == written


@given(
    st.text("ab/", max_size=5),
    st.lists(st.tuples(st.text("ab%&=é ", min_size=1, max_size=4), st.text(max_size=4)), max_size=3),
    st.text("ab?&=/", max_size=5),
    st.dictionaries(st.text(min_size=1, max_size=5), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
)
def test_what_a_url_has_stays(path, own, fragment, parameters):

    parameters = {name: value for name, value in parameters.items() if name.isprintable() and name.isascii()}
    url = f"https://x.test/{path}?{urlencode(own)}" + (f"#{fragment}" if fragment else "")
    new = with_parameters(url, parameters)
    assert with_parameters(new, parameters) == new
    before, behind = urlsplit(url), urlsplit(new)
    assert (before.path, before.fragment) == (behind.path, behind.fragment)
    pairs = parse_qsl(behind.query, keep_blank_values=True)
    first = parse_qsl(before.query, keep_blank_values=True)
    assert pairs[: len(first)] == first
    known = {name for name, _ in first}
    assert pairs[len(first) :] == [(name, value) for name, value in parameters.items() if name not in known]


RULES = LinkRules({"u": "1"}, hosts=["Shop.test"])


@pytest.mark.parametrize(
    ("html", "written"),
    [
        ("<a href='https://shop.test/?a=1&amp;b=2'>x</a>", "<a href='https://shop.test/?a=1&amp;b=2&amp;u=1'>x</a>"),
        ("<A HREF=https://shop.test>x</A>", '<A HREF="https://shop.test?u=1">x</A>'),
        ("<a href=' https://shop.test\n/a '>x</a>", "<a href='https://shop.test/a?u=1'>x</a>"),
        ("<area href='https://www.shop.test/'>", "<area href='https://www.shop.test/?u=1'>"),
        ("<a href='https://user@shop.test:8443/'>", "<a href='https://user@shop.test:8443/?u=1'>"),
        (
            "<!--[if mso]><v:roundrect href='http://shop.test/'><![endif]-->",
            "<!--[if mso]><v:roundrect href='http://shop.test/?u=1'><![endif]-->",
        ),
        (
            "{% if a %}<a href='https://shop.test/'>{% endif %}",
            "{% if a %}<a href='https://shop.test/?u=1'>{% endif %}",
        ),
        ("<a href='https://shop.test/?q=\"&lt;'>", "<a href='https://shop.test/?q=&quot;&lt;&amp;u=1'>"),
    ],
)
def test_web_links_of_ours_are_changed(html, written):
    assert rewrite_links(html, RULES.apply, is_template=True) == written


@pytest.mark.parametrize(
    "html",
    [
        "<a href='mailto:a@shop.test'>",
        "<a href='tel:1'>",
        "<a href='#shop.test'>",
        "<a href='/local'>",
        "<a href=''>",
        "<a href>",
        "<a name='https://shop.test/'>",
        "<a href='https://other.test/'>",
        "<a href='https://shop.test.evil.test/'>",
        "<a href='https://notshop.test/'>",
        "<a href='https://shop.test@evil.test/'>",
        "<a href='https://shop.test/' data-no-track>",
        "<a data-unsubscribe href='https://shop.test/'>",
        "<a href='https://shop.test/Unsubscribe?t=1'>",
        "<a rel='nofollow unsubscribe' href='https://shop.test/'>",
        "<a href='https://shop.test/{{ path }}'>",
        "<a href='{{ unsubscribe_url }}'>",
        "<link href='https://shop.test/'>",
        "<img src='https://shop.test/'>",
        "<!-- <a href='https://shop.test/'> -->",
        "<title><a href='https://shop.test/'></title>",
        "<p title=\"<a href='https://shop.test/'>\">",
    ],
)
def test_all_else_stays(html):
    assert rewrite_links(html, RULES.apply, is_template=True) == html


@given(st.text("<>/!-='\"{}% ahref:tps.&;#?", max_size=100))
def test_a_change_that_changes_nothing_gives_the_same_text(html):
    assert rewrite_links(html, lambda url: url) == html
    assert rewrite_links(html, lambda url: url, is_template=True) == html


def test_links_known_only_later():
    assert has_open_links("<a href='{{ url }}'>")
    assert has_open_links("<a href='https://x.test/{{ path }}'>")
    assert not has_open_links(
        "<a href='https://x.test/'>{{ x }}</a><a href='{{ unsubscribe_url }}'><a href='/{{ x }}'>"
    )


def test_a_parameter_has_a_name():
    with pytest.raises(ConfigurationError, match="no name"):
        LinkRules({"": "x"})
