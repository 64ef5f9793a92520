"""What the scanner finds, held against the standard library's parser, and what it says of places."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.rendering.html.context import START, Context, State
from flowkit.rendering.html.holes import holes
from flowkit.rendering.html.scanner import Scanner, after, scan
from flowkit.rendering.html.tokens import Comment, EndTag, StartTag, Text

MARKUP = st.lists(
    st.sampled_from([
        "<", ">", "/", "!", "?", "=", '"', "'", "-", "--", "-->", "--!>", "<!--", "<!-->", "<![endif]-->",
        "<!--[if mso]>",
        "<!doctype html>", "<p", "<a href=", "</a>", "</", "<script>", "</script>", "<style>", "</STYLE >",
        "<title>", "</title>", "<textarea", "</textarea/>",
        "<plaintext>", "&amp;", " ", "\n", "a", "b", "on", "{{ x }}", "{% if y %}",
        "{", "{{", "}}", "{#", "#}", "é",
    ]),
    max_size=30,
).map("".join)  # fmt: skip


def told(source):
    """The tokens by kind and text."""
    return [(type(token).__name__, source[token.start : token.end]) for token in scan(source)]


def test_the_parts_of_a_document():
    source = "<!DOCTYPE html><P class=x ID = 'a'>Hi &amp; <b>you</b><br/><!-- c --> 1 < 2 <"
    assert told(source) == [
        ("Comment", "<!DOCTYPE html>"),
        ("StartTag", "<P class=x ID = 'a'>"),
        ("Text", "Hi &amp; "),
        ("StartTag", "<b>"),
        ("Text", "you"),
        ("EndTag", "</b>"),
        ("StartTag", "<br/>"),
        ("Comment", "<!-- c -->"),
        ("Text", " 1 < 2 <"),
    ]
    paragraph = scan(source)[1]
    assert paragraph.name == "p"
    assert [(one.name, source[one.value_start : one.value_end], one.quote) for one in paragraph.attributes] == [
        ("class", "x", ""),
        ("id", "a", "'"),
    ]
    assert [source[one.start : one.end] for one in paragraph.attributes] == ["class=x", "ID = 'a'"]


@pytest.mark.parametrize(
    ("source", "attributes"),
    [
        ("<a b>", {"b": None}),
        ("<a b c>", {"b": None, "c": None}),
        ("<a b = c>", {"b": "c"}),
        ('<a b="c"d="e">', {"b": "c", "d": "e"}),
        ('<a b="c>d">', {"b": "c>d"}),
        ("<a b=c/d>", {"b": "c/d"}),
        ("<a b=>", {"b": None}),
        ("<a =b=c>", {"=b": "c"}),
        ("<a b=\"'\" c='\"'>", {"b": "'", "c": '"'}),
        ("<a b='c' b='d'>", {"b": "c"}),
        ("<a/b/c='d'/>", {"b": None, "c": "d"}),
        ('<a b"c=d>', {'b"c': "d"}),
    ],
)
def test_attributes(source, attributes):
    [tag] = scan(source)
    assert tag.end == len(source)
    for name, value in attributes.items():
        one = tag.attribute(name)
        assert (None if one.value_start < 0 else source[one.value_start : one.value_end]) == value
    assert {one.name for one in tag.attributes} == set(attributes)


def test_elements_of_text_end_with_their_own_tag_alone():
    assert told("<script>if (a</b> '</p>') </scripty> </SCRIPT >x") == [
        ("StartTag", "<script>"),
        ("Text", "if (a</b> '</p>') </scripty> "),
        ("EndTag", "</SCRIPT >"),
        ("Text", "x"),
    ]
    nested = "<script><!-- <script> </script> --></script>after"
    assert told(nested)[1:] == [
        ("Text", "<!-- <script> </script> -->"),
        ("EndTag", "</script>"),
        ("Text", "after"),
    ]
    assert told("<title>a<b>c</title>")[1] == ("Text", "a<b>c")
    assert told("<plaintext>a</plaintext>")[1] == ("Text", "a</plaintext>")


@pytest.mark.parametrize(
    "comment", ["<!---->", "<!-->", "<!--->", "<!--a--!>", "<!x>", "<?php >", "</ x>", "<!-- -- > -->", "<![CDATA[x]]>"]
)
def test_comments(comment):
    assert told(f"a{comment}b") == [("Text", "a"), ("Comment", comment), ("Text", "b")]


def test_conditional_comments_are_markup_and_end_as_comments():
    source = 'a<!--[if mso]><td width="1">x<![endif]-->b<!--[if !mso]><!-->c<!--<![endif]-->d'
    tokens = scan(source)
    assert [source[one.start : one.end] for one in tokens if isinstance(one, Text) and not one.conditional] == list(
        "abcd"
    )
    assert [source[one.start : one.end] for one in tokens if isinstance(one, Text) and one.conditional] == ["x"]
    # Whatever Outlook is in the midst of, a browser sees the end.
    cut = '<!--[if mso]><a href="-->b'
    assert told(cut)[-1] == ("Text", "b")


@given(MARKUP)
def test_every_character_is_in_one_token_or_in_a_tag_that_does_not_end(source):
    at = 0
    for token in scan(source, holes(source)):
        assert token.start == at or source[at] == "<"
        assert token.end > token.start
        at = token.end
    assert at <= len(source)
    rest = source[at:]
    assert not rest or rest.startswith(("<", "</"))


@given(MARKUP, st.data())
def test_pieces_change_nothing_where_no_markup_is_cut(source, data):
    """Reading on from a state is reading on, unless it says that it cannot tell."""
    cut = data.draw(st.integers(0, len(source)))
    pieces = after(after(START, source[:cut]), source[cut:])
    if not pieces.ambiguous:
        whole = after(START, source)
        assert pieces.context == whole.context
        assert pieces.phase == whole.phase


class _Standard(HTMLParser):
    """Tags, attributes and texts as the standard library sees them."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(reversed(attrs))))

    def handle_endtag(self, tag):
        self.found.append(("/" + tag, None))


PLAIN = st.recursive(
    st.text("ab é&;", max_size=5),
    lambda inner: st.builds(
        "<{0} {1}='{2}' {3}>{4}</{0}>".format,
        st.sampled_from(["p", "A", "td", "x-y"]),
        st.sampled_from(["href", "CLASS", "data-x"]),
        st.text('ab<>/=" -', max_size=5),
        st.sampled_from(["", "disabled", "w=1", 'q="r"']),
        st.lists(inner, max_size=3).map("".join),
    ),
    max_leaves=10,
)


@given(PLAIN)
def test_well_formed_markup_is_what_the_standard_library_finds(source):
    standard = _Standard()
    standard.feed(source)
    standard.close()
    ours = []
    for token in scan(source):
        match token:
            case StartTag(name=name, attributes=attributes):
                values = {
                    one.name: None if one.value_start < 0 else source[one.value_start : one.value_end]
                    for one in reversed(attributes)
                }
                ours.append((name, values))
            case EndTag(name=name):
                ours.append(("/" + name, None))
            case Text() | Comment():
                pass
    assert ours == standard.found


# -- contexts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "context"),
    [
        ("", Context.TEXT),
        ("<p>Hi ", Context.TEXT),
        ("a <", Context.TAG),
        ("</", Context.TAG),
        ("<!-", Context.TAG),
        ("<di", Context.TAG),
        ("<p ", Context.TAG),
        ("<p cla", Context.TAG),
        ("<p class", Context.TAG),
        ("<p class=", Context.UNQUOTED),
        ("<p class=a", Context.UNQUOTED),
        ('<p class="', Context.ATTRIBUTE),
        ("<p class='a b", Context.ATTRIBUTE),
        ('<p class="a"', Context.TAG),
        ('<a href="', Context.URL_START),
        ('<a href=" \n', Context.URL_START),
        ('<a href="java', Context.URL_SCHEME),
        ('<a href="&#104;ttp', Context.URL_SCHEME),
        ('<a href="javascript:', Context.URL_UNSAFE),
        ('<a href="java&#115;cript&colon;', Context.URL_UNSAFE),
        ('<a href="java\nscript:', Context.URL_UNSAFE),
        ('<a href="data:text/html,', Context.URL_UNSAFE),
        (f'<a href="{" " * 70}', Context.URL_UNSAFE),
        ('<a href="https://', Context.URL_REST),
        ('<a href="MAILTO:', Context.URL_REST),
        ('<a href="/', Context.URL_REST),
        ('<a href="?a=', Context.URL_REST),
        ('<img src="', Context.URL_START),
        ('<td background="', Context.URL_START),
        ('<a title="', Context.ATTRIBUTE),
        ('<a onclick="', Context.HANDLER),
        ('<iframe srcdoc="', Context.HANDLER),
        ('<img srcset="', Context.URL_LIST),
        ('<meta content="', Context.META),
        ('<p style="color: ', Context.STYLE),
        ("<title>", Context.ESCAPABLE),
        ("<textarea>", Context.ESCAPABLE),
        ("<title></tit", Context.TAG),
        ("<title></title>", Context.TEXT),
        ("<style>", Context.RAW),
        ("<style></style>", Context.TEXT),
        ("<script>'", Context.RAW),
        ("<script><!--<script></script>", Context.RAW),
        ("<script><!--></script>", Context.TEXT),
        ("<!-- ", Context.COMMENT),
        ("<!-->", Context.TEXT),
        ("<!doctype ", Context.COMMENT),
        ("<!--[if mso]><td>", Context.TEXT),
        ('<!--[if mso]><a href="', Context.URL_START),
        ('<!--[if mso]><a href="-->', Context.TEXT),
        ("</p ", Context.TAG),
    ],
)
def test_what_may_be_printed_behind(before, context):
    assert after(START, before).context is context


@pytest.mark.parametrize(
    ("pieces", "context"),
    [
        (("<", "b>"), Context.AMBIGUOUS),
        (("<di", "v>"), Context.AMBIGUOUS),
        (("<p", " class='"), Context.ATTRIBUTE),
        (("<p disabled", ">"), Context.TEXT),
        (("<p hr", "ef='"), Context.AMBIGUOUS),
        (("<title></ti", "tle>"), Context.AMBIGUOUS),
        (("<!-- -", "->"), Context.AMBIGUOUS),
        (("<!-- -", " x -->"), Context.TEXT),
        (("<a href='ht", "tp:"), Context.URL_REST),
        (("<a href='java", "script:"), Context.URL_UNSAFE),
        (("<script><!-", "-<script></script>"), Context.AMBIGUOUS),
    ],
)
def test_what_template_tags_cut(pieces, context):
    state = START
    for piece in pieces:
        state = after(state, piece)
    assert state.context is context


def test_what_was_printed_goes_on():
    assert after(after(START, '<a href="').printed(), "").context is Context.URL_REST
    assert after(START, '<a href="javascript:').printed().context is Context.URL_UNSAFE
    assert after(START, "<a href=").printed().context is Context.UNQUOTED
    assert after(START, "<p>").printed() == after(START, "<p>")


@pytest.mark.parametrize(
    ("one", "two", "behind", "context"),
    [
        ("<p>a", "<b>b", "", Context.TEXT),
        ('<a href="', '<a href="http://x/', "", Context.URL_START),
        ('<a href="http', '<a href="ftp', "", Context.URL_SCHEME),
        ('<a href="http', '<a href="ftp', "://", Context.URL_UNSAFE),
        ('<a href="http:', '<a href="ftp:', "", Context.URL_UNSAFE),
        ("<input disabled", "<input", ' title="', Context.ATTRIBUTE),
        ("<input disabled", "<input", "d", Context.AMBIGUOUS),
        ('<a href="', '<a title="', "", Context.AMBIGUOUS),
        ("<p>", "<p", "", Context.AMBIGUOUS),
        ("<p>", "<!-- ", "", Context.AMBIGUOUS),
    ],
)
def test_ways_that_meet(one, two, behind, context):
    first, second = after(START, one), after(START, two)
    for joined in (first.join(second), second.join(first)):
        assert after(joined, behind).context is context
    assert first.join(first) is first


@given(MARKUP, MARKUP)
def test_joining_is_symmetric_where_it_is_not_ambiguous(one, two):
    first, second = after(START, one), after(START, two)
    joined = first.join(second)
    assert joined.ambiguous == second.join(first).ambiguous
    if not joined.ambiguous:
        assert joined.context == second.join(first).context


def test_a_state_is_a_value():
    assert State() == START
    assert after(START, "<p>a</p>") == START
    assert Scanner("x", START).state == START


# -- template tags ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a {{ b }} c", ["{{ b }}"]),
        ("{% if a %}{# {{ x }} #}", ["{% if a %}", "{# {{ x }} #}"]),
        ("{{ '}}' ~ \"}}\" }}", ["{{ '}}' ~ \"}}\" }}"]),
        (r"{{ 'it\'s }}' }}", [r"{{ 'it\'s }}' }}"]),
        ("{{ {'a': {'b': 1}} }}", ["{{ {'a': {'b': 1}} }}"]),
        ("{{ 5 % 3 }}", ["{{ 5 % 3 }}"]),
        ("{% set a = 5 % 3 %}", ["{% set a = 5 % 3 %}"]),
        ("{{ a", []),
        ("{{ 'a }}", []),
        ("{ { a } }", []),
    ],
)
def test_holes(source, found):
    assert [source[start:end] for start, end in holes(source)] == found


def test_holes_belong_to_the_text_and_values_that_they_stand_in():
    source = '<a {% if x %}href="{{ u }}"{% endif %} title={{ t }}>Hi {{ n }}, <{{ b }}</a>'
    tokens = scan(source, holes(source))
    tag = tokens[0]
    assert [(one.name, source[one.value_start : one.value_end]) for one in tag.attributes] == [
        ("href", "{{ u }}"),
        ("title", "{{ t }}"),
    ]
    assert source[tokens[1].start : tokens[1].end] == "Hi {{ n }}, <{{ b }}"
