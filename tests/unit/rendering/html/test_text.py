"""The plain part says what a reader of the HTML sees, and stays a template."""

import re
from html import escape

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.rendering.html.references import decode, decode_attribute
from flowkit.rendering.html.text import LinkStyle, derive_text

SHOP = "https://shop.test/?a=1&b=2"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>Hi</p>", "Hi\n"),
        ("  Hi \n\t you&nbsp;&amp; me&hellip; ", "Hi you & me…\n"),
        ("<h1>A</h1><p>b<br>c<br><br>d</p><div>e</div><div>f</div>", "A\n\nb\nc\n\nd\n\ne\nf\n"),
        ("<p>a</p>\n\n<p>  </p>\n<p>b</p>", "a\n\nb\n"),
        ("a<hr>b", "a\n\n--------------------\n\nb\n"),
        ("<pre>a\n  b</pre>", "a\n  b\n"),
        ("so<wbr>ft&shy;hyp<b>hen</b>", "softhyphen\n"),
        # what is not seen
        ("<head><title>T</title><style>p{}</style></head><body>a", "a\n"),
        ("<head><meta x><p>a", "a\n"),
        ("a<script>x</script><style>y</style><!-- z -->b", "ab\n"),
        ("<!--[if mso]><p>o</p><![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->", "ab\n"),
        ("<div style='color:red; DISPLAY : none !important'>pre <div>x</div> header</div>a", "a\n"),
        ("<span style='max-height:0;overflow:hidden'>x</span>a", "a\n"),
        ("<p hidden>x<p>a", "a\n"),
        ("<span style='display:none-such'>a</span>", "a\n"),
        ("<td style='font-size:0'>a</td>", "a\n"),
        # links and images
        (f"<a href='{escape(SHOP)}'>Shop</a> now", f"Shop <{SHOP}> now\n"),
        ("<a href='https://x.test'>https://x.test</a>", "https://x.test\n"),
        ("<a href='mailto:a@b.test'>a@b.test</a>", "a@b.test\n"),
        ("<a href='#top'>top</a> <a name=x>y</a> <a href='javascript:z'>z</a>", "top y z\n"),
        ("<a href='https://x.test'><img src=a alt='A &quot;shoe&quot;'></a>", 'A "shoe" <https://x.test>\n'),
        ("<a href='https://x.test'><img src=a></a>", "https://x.test\n"),
        ("<a href='https://x.test/\n a'>b</a>", "b <https://x.test/a>\n"),
        ("<a href='https://x.test'>a", "a <https://x.test>\n"),
        ("<a href='https://x.test'>a<a href='https://y.test'>b</a>", "a <https://x.test>b <https://y.test>\n"),
        ("<img src=a alt=''>a", "a\n"),
        # lists and tables
        ("<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc\n"),
        ("<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>", "1. a\n  - b\n2. c\n"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\nb\n"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>", "a | b\nc | d\n"),
        # template tags
        ("<p>Hi {{ name | default('<b>') }}!</p>", "Hi {{ name | default('<b>') }}!\n"),
        ("<a href='{{ u }}'>{{ n }}</a>", "{{ n }} <{{ u }}>\n"),
        ("<a href='{{ u }}'>{{ u }}</a>", "{{ u }}\n"),
        ("<a {% if x %}href='y'{% endif %}>z</a>", "z <y>\n"),
        ("<p style='{% if x %}a{% endif %}'>z</p>", "z\n"),
        ("<div hidden>{% if a %}b{% else %}c{% endif %}</div>d", "d\n"),
        ("{% if a %}<div hidden>b</div>{% endif %}d", "d\n"),
        ("a &#123;&#123; b }}", 'a {{ "{" }}{ b }}\n'),
        ("a &#123;{{ b }}", 'a {{ "{" }}{{ b }}\n'),
        ("a {# note #}b", "a b\n"),
    ],
)
def test_what_is_seen(html, text):
    assert derive_text(html) == text


def test_footnotes():
    html = "<a href='https://a.test'>a</a>, <a href='{{ b }}'>b</a>, <a href='https://c.test'>c</a>"
    assert derive_text(html, links=LinkStyle.FOOTNOTES) == (
        "a [1], b <{{ b }}>, c [2]\n\n[1] https://a.test\n[2] https://c.test\n"
    )


def rendered(template, **values):
    plain = jinja2.Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 - it is no HTML
    return plain.from_string(template).render(values)


def test_loops_and_choices_keep_their_lines():
    text = derive_text(
        "<p>Top</p><ul>{% for p in products %}<li><a href='{{ p.url }}'>{{ p.name }}</a></li>{% endfor %}</ul>"
        "{% if vip %}<p>For you</p>{% else %}<p>For all</p>{% endif %}<p>End</p>"
    )
    products = [{"url": "/a", "name": "A"}, {"url": "/b", "name": "B"}]
    assert rendered(text, products=products, vip=True) == "Top\n\n- A </a>\n- B </b>\n\nFor you\n\nEnd\n"
    assert rendered(text, products=[], vip=False).split() == ["Top", "For", "all", "End"]


def test_items_of_a_loop_are_not_numbered():
    text = derive_text("<ol>{% for p in products %}<li>{{ p }}</li>{% endfor %}</ol>")
    assert rendered(text, products=["a", "b"]).split("\n") == ["- a", "- b", "", ""]


BLOCKS = st.recursive(
    st.sampled_from(
        ["a", " ", "b&amp;c", "{{ x }}", "<br>", "<img alt='{{ x }}' src=y>", "&#123;", "{", "%}", "{# {{ #}"]
    ),
    lambda inner: st.one_of(
        st.builds(
            "<{0}>{1}</{0}>".format,
            st.sampled_from(["p", "div", "ul", "ol", "li", "table", "tr", "td", "th", "pre", "title", "head"]),
            inner,
        ),
        st.builds(
            "<a href='{}'>{}</a>".format, st.sampled_from(["/z", "{{ x }}", "{% if x %}y{% endif %}", "#"]), inner
        ),
        st.builds("<p {}>{}</p>".format, st.sampled_from(["hidden", "style='display:none'", "class={{ x }}"]), inner),
        st.builds("{{% if x %}}{}{{% else %}}{}{{% endif %}}".format, inner, inner),
        st.builds("{{% for i in xs %}}{}{{% endfor %}}".format, inner),
        st.builds("<!--[if mso]>{}<![endif]-->".format, inner),
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=15,
)


@given(BLOCKS)
def test_what_compiles_still_does(html):
    try:
        rendered(html, x="1", xs=[1, 2])
    except jinja2.TemplateSyntaxError:
        return
    text = derive_text(html)
    rendered(text, x="1", xs=[1, 2])
    assert not re.search(r"</?(?:p|div|ul|li|td|br|img)\b", text)


@given(st.text("<>/!-='\"{}% apbr&;#123456789", max_size=200))
def test_any_text_has_a_plain_part(html):
    assert isinstance(derive_text(html), str)


# -- references -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("&lt;&#60;&#x3c;", "<<<"),
        ("&#000065;", "A"),
        (f"&#{'0' * 5000}65;", "A"),
        (f"&#{'9' * 5000};", "\ufffd"),
        (f"&#x{'f' * 5000};", "\ufffd"),
        ("&#0;", "\ufffd"),
        ("&none; &", "&none; &"),
    ],
)
def test_references(written, read):
    assert decode(written) == read
    assert decode_attribute(written) == read


def test_references_in_attributes():
    assert decode_attribute("?a=1&copy=2&amp;b=3&lt=4&notit;&lt") == "?a=1&copy=2&b=3&lt=4&notit;<"
