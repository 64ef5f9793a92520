"""Each tag is escaped for its place in the HTML, and is refused where no value can be made safe."""

from html.parser import HTMLParser

import pytest

from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.model import MessageAborted, Template, TemplateError

HOSTILE = "\"'><script>alert(1)</script><b a='"


def render(source, **values):
    html = compile_template(Template("t", html=source)).render(context(values, None)).html
    assert html is not None
    return html


def refused(source):
    with pytest.raises(TemplateError) as caught:
        compile_template(Template("t", html=source))
    assert caught.value.code == "unsafe_place"
    return caught.value


class _Tags(HTMLParser):
    """An independent reader: which elements there are, with which attributes."""

    def __init__(self, source):
        super().__init__()
        self.found = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    ("source", "attributes"),
    [
        ("<p>{{ x }}</p>", {}),
        ('<p title="{{ x }}">a</p>', {"title": HOSTILE}),
        ("<p title='{{ x }}'>a</p>", {"title": HOSTILE}),
        ('<p title="a {{ x }} b">a</p>', {"title": f"a {HOSTILE} b"}),
        ('<p {% if x %}title="{{ x }}"{% endif %}>a</p>', {"title": HOSTILE}),
    ],
)
def test_a_hostile_value_stays_where_it_stands(source, attributes):
    assert _Tags(render(source, x=HOSTILE)).found == [("p", attributes)]


@pytest.mark.parametrize(
    "url",
    ["https://a.example/?b=1", "HTTP://a.example", "mailto:a@example.com", "tel:+491", "sms:+49", "/a", "a/b:c", "?x",
     "#top", "//cdn.example/x", "about"],
)  # fmt: skip
def test_a_url_with_an_allowed_scheme_or_none_is_printed(url):
    assert _Tags(render('<a href="{{ x }}">a</a>', x=url)).found == [("a", {"href": url})]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "\x01javascript:x", "data:text/html,x",
     "vbscript:x", "file:///etc/passwd", "java\tscript&colon;x:y"],
)  # fmt: skip
@pytest.mark.parametrize("attribute", ["href", "src", "background", "HREF", "action"])
def test_another_scheme_aborts_the_message(url, attribute):
    with pytest.raises(MessageAborted) as caught:
        render(f'<img {attribute}="{{{{ x }}}}">', x=url)
    assert (caught.value.reason, caught.value.path) == ("bad_url", "x")


@pytest.mark.parametrize(
    ("source", "href"),
    [
        ('<a href="https://a.example/{{ x }}">', "https://a.example/p:q&r"),
        ('<a href="https://a.example/?q={{ x|urlencode }}">', "https://a.example/?q=p%3Aq%26r"),
        ('<a href="java{{ x }}">', "javap%3Aq&r"),
        ('<a href="{{ y }}{{ x }}">', "javascriptp%3Aq&r"),
    ],
)
def test_within_a_url_a_value_completes_no_scheme(source, href):
    assert _Tags(render(source, x="p:q&r", y="javascript")).found == [("a", {"href": href})]


def test_behind_a_value_no_scheme_is_completed_for_another_value():
    assert refused('<a href="{{ x }}:{{ y }}">').line == 1


@pytest.mark.parametrize(("value", "is_printed"), [("#e74c3c", True), ("12px", True), ("red;x:expression(y)", False)])
def test_a_style_takes_words_and_lengths(value, is_printed):
    source = '<p style="color: {{ x }}">a</p>'
    if is_printed:
        assert _Tags(render(source, x=value)).found == [("p", {"style": f"color: {value}"})]
        return
    with pytest.raises(MessageAborted, match="bad_style"):
        render(source, x=value)


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("<script>{{ x }}</script>", 9),
        ("<script>let a = '{{ x }}'</script>", 18),
        ("<style>p { color: {{ x }} }</style>", 19),
        ("<p class={{ x }}>", 10),
        ("<p {{ x }}>", 4),
        ("<{{ x }}>", 2),
        ("<p {{ x }}='a'>", 4),
        ("<p onclick=\"a('{{ x }}')\">", 16),
        ('<img srcset="{{ x }} 2x">', 14),
        ('<meta http-equiv="refresh" content="{{ x }}">', 37),
        ('<a href="javascript:{{ x }}">', 21),
        ('<a href="java&#115;cript:{{ x }}">', 26),
        ('<iframe src="{{ x }}">', 14),
        ('<iframe srcdoc="{{ x }}">', 17),
        ('<base href="{{ x }}">', 13),
        ('<link href="{{ x }}">', 13),
        ('<svg><animate to="{{ x }}">', 19),
        ('<p {% if a %}title="{% endif %}{{ x }}">', 32),
        ("{% if a %}<script>{% endif %}{{ x }}", 30),
        ("{% for a in b %}{{ x }}<style>{% endfor %}", 17),
    ],
)
def test_where_no_value_can_be_made_safe_it_is_refused_with_its_place(source, column):
    error = refused(f"<p>\n{source}")
    assert (error.line, error.column) == (2, column)
    assert error.message.startswith("html: no value can be printed into ")


@pytest.mark.parametrize(
    "source",
    [
        "<style>p { color: red }</style><script>x = '{'</script><p>{{ x }}</p>",
        "<!--[if mso]><td width='{{ w }}'><![endif]--><p>{{ x }}</p>",
        "<!-- {{ x }} --><p>{{ x }}</p>",
        "<title>{{ x }}</title><p>{{ x }}</p>",
        "{% for x in [x, x] %}<p>{{ x }}</p>{% else %}<b>none</b>{% endfor %}",
        '<p{% for x in [x, x] %} title="{{ x }}"{% endfor %}>a</p>',
        "{% if x %}<p>{{ x }}</p>{% else %}<b>{{ x }}{% endif %}",
    ],
)
def test_what_is_usual_in_mail_is_allowed(source):
    assert "<script>alert" not in render(source, x=HOSTILE, w="1")


def test_a_value_of_the_hosts_that_is_html_is_printed_as_it_is_in_text_alone():
    class Trusted:
        def __html__(self):
            return "<b>1 & 2</b>"

    assert render("<p>{{ x }}</p>", x=Trusted()) == "<p><b>1 & 2</b></p>"
    with pytest.raises(MessageAborted, match="not_printable"):
        render('<p title="{{ x }}">', x=Trusted())


def test_a_text_that_only_looks_trusted_is_escaped():
    assert render("{{ x }}", x="<b>") == "&lt;b&gt;"


@pytest.mark.parametrize(
    "source",
    [
        "<\u202ascript>{{ x }}</script>",
        "<\u2066a onclick='{{ x }}'>y</a>",
        "<a on\u202eclick='{{ x }}'>y</a>",
        "<a href='java\u202cscript:{{ x }}'>y</a>",
    ],
)
def test_what_is_taken_out_of_a_message_hides_no_markup(source):
    refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "<!--{{ x }}> <a title={{ y }}> -->",
        "<!-- {{ x }}> <a title='{{ y }}'> -->",
        "<!-- {{ x }}-> {{ y }} -->",
        "<!-- {{ x }}!> {{ y }} -->",
        "<!-- -{{ x }}-{{ x }}> {{ y }} -->",
        "<!--[if {{ x }}]> {{ y }} <![endif]-->",
    ],
)
def test_a_value_ends_no_comment_together_with_what_follows(source):
    refused(source)


def test_a_comment_may_hold_values():
    assert render("<!--{{ x }}--><!-- {{ x }} > --><p>{{ x }}</p>", x="-") == "<!-----><!-- - > --><p>-</p>"


@pytest.mark.parametrize(
    "source",
    [
        "<svg><title><a onclick='{{ x }}'>",
        "<svg><textarea><a onclick='{{ x }}'>",
        "<svg><style><a onclick='</style>{{ x }}'>",
        "<math><title><a onclick='{{ x }}'>",
        "<select><title></select><a onclick='{{ x }}'>",
        "<select><style></select><a onclick='</style>{{ x }}'>",
        "<svg><![CDATA[ > <a title=']]><img onerror={{ x }}>'>",
        "<svg><script><!--</script><a onclick='{{ x }}'>",
        "<noscript><p title='</noscript><a onclick={{ x }}>'>",
        "<noscript><p title='<{% if y %}/noscript><a onclick={{ x }}>{% endif %}'>",
        "<noscript><!-- </noscript><a onclick={{ x }}> -->",
        "{% if y %}<svg>{% endif %}<title><a onclick='{{ x }}'>",
    ],
)
def test_what_browsers_may_read_otherwise_is_refused(source):
    refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "<svg><title>Logo</title><path d='M0'/></svg><p title='{{ x }}'>{{ x }}</p>",
        "<noscript><p title='a'>{{ x }}</p></noscript>{{ x }}",
        "<select><option>{{ x }}</option></select><!-- plain -->{{ x }}",
        "{% if y %}<svg></svg>{% endif %}<p title='{{ x }}'>",
        "<svg><![CDATA[a]]></svg>{{ x }}",
        "<title>a < b</title><p title='<'>{{ x }}</p>",
    ],
)
def test_what_all_browsers_read_alike_is_taken(source):
    assert "&lt;" in render(source, x="<", y=True)
