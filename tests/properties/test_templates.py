"""Random templates, random profiles: a message or one of two errors, no markup from a value, the same twice."""

from copy import deepcopy
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from flowkit.events import Event
from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.model import Fallbacks, MessageAborted, Missing, Template, TemplateError

PIECES = [
    "<script>", "</p>", "<b>", '"', "'", ">", "&", "&lt;", "-->", "]]>", "</title>", "onerror=", "javascript:", "=",
    "{{ a }}", "\n", "\u202e", "\ud800", "é", "a", " ", "/", ":",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)
LEAVES = TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.dates()
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abxy"), inner, max_size=3),
    max_leaves=6,
)
ITEMS = st.fixed_dictionaries({"x": TEXTS, "y": TEXTS})
USUAL = st.fixed_dictionaries({"a": TEXTS, "b": ITEMS, "c": st.lists(TEXTS, max_size=3), "x": TEXTS, "y": ITEMS})
PROFILES = st.one_of(USUAL, USUAL, USUAL, st.dictionaries(st.sampled_from("abcxy"), VALUES))
PATHS = st.sampled_from([
    "a", "a", "x", "x", "b.x", "b.y", "y.x", "user.a", "event.x", "c[0]", "c", "y.a.b", "item", "item.x", "loop.index",
])  # fmt: skip
FILTERS = st.sampled_from(
    ["", "", "", "|upper", "|title", "|trim", "|truncate(5)", "|urlencode", "|default('d<')", "|replace('a', '<b>')",
     "|join(', ')", "|first", "|date", "|money", "|int", "|length"]
)  # fmt: skip
PRINTED = st.tuples(PATHS, FILTERS, FILTERS).map("".join) | st.tuples(PATHS, PATHS).map(" ~ '<i>' ~ ".join)
TAGS = PRINTED.map("{{{{ {} }}}}".format)
ASKED = st.one_of(PATHS, PATHS.map("not {}".format), PATHS.map("{} is defined".format))
SAFE = st.sampled_from([
    "<p>%s</p>", "<p>%s</p>", '<p title="%s">x</p>', "<p title='%s'>x</p>", '<a href="%s">x</a>',
    '<a href="https://a/%s">x</a>', '<a href="a%s:b">x</a>', '<p style="color:%s">x</p>', "<!-- %s -->",
    "<title>%s</title>", "<!--[if mso]><b>%s</b><![endif]-->", "<textarea>%s</textarea>",
])  # fmt: skip
UNSAFE = st.sampled_from([
    "<p class=%s>x</p>", "<script>%s</script>", "<%s>", '<p onclick="%s">x</p>', "<b %s>x</b>", "<style>%s</style>",
])  # fmt: skip
PLACES = st.integers(0, 40).flatmap(lambda number: SAFE if number else UNSAFE)
PLACED = st.tuples(PLACES, TAGS).map(lambda two: two[0].replace("%s", two[1]))
TEMPLATES = st.recursive(
    PLACED,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"<div>{two[0]}</div>{two[1]}"),
        st.tuples(ASKED, inner, inner).map(lambda three: "{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format(*three)),
        st.tuples(st.sampled_from(["[a, b]", "[x, y, c]"]), inner).map(
            lambda two: "{{% for item in {} %}}{}{{% endfor %}}".format(*two)
        ),
        st.tuples(PATHS.filter(lambda path: path[0] in "abc"), inner).map(
            lambda two: "{{% set item = {} %}}{}".format(*two)
        ),
    ),
    max_leaves=6,
)
FALLBACKS = st.dictionaries(st.sampled_from(["a", "b", "a.x"]), st.sampled_from(["<f>", "", 0]))


class _Structure(HTMLParser):
    """What elements and attributes there are, as another reader of HTML sees them."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag):
        self.found.append(("/", tag))


def tame(value):
    """The same value with nothing hostile in its texts: empty stays empty."""
    if isinstance(value, str):
        return "x" if value.strip() else value
    if isinstance(value, list):
        return [tame(one) for one in value]
    return {name: tame(one) for name, one in value.items()} if isinstance(value, dict) else value


def rendered(compiled, profile):
    event = Event("e", "s", properties=profile)
    try:
        return compiled.render(context(profile, event))
    except MessageAborted as aborted:
        return str(aborted)


@given(TEMPLATES, PROFILES, st.sampled_from([Missing.BLANK, Missing.BLANK, Missing.ABORT]), FALLBACKS)
def test_a_value_is_never_markup_and_a_rendering_is_the_same_twice(source, profile, missing, fallbacks):
    template = Template(
        "t", subject="{{ a }}", html=source, text=source, missing=missing, fallbacks=Fallbacks(body=fallbacks)
    )
    try:
        compiled = compile_template(template)
    except TemplateError as error:
        assert (error.line or 0) * (error.column or 0) > 0  # noqa: PT017 - many sources are no templates
        return
    before = deepcopy(profile)
    first = rendered(compiled, profile)
    again = rendered(compiled, profile)
    assert repr(profile) == repr(before)
    if isinstance(first, str):
        assert again == first
        return
    assert (again.subject, again.html, again.text) == (first.subject, first.html, first.text)
    assert len(first.subject.splitlines()) <= 1
    harmless = rendered(compiled, tame(profile))
    if isinstance(harmless, str):
        return
    assert _Structure(first.html).found == _Structure(harmless.html).found
    assert "\u202e" not in first.html + first.text + first.subject


@given(st.lists(PLACED, max_size=4).map("".join), PROFILES)
def test_what_is_balanced_stays_balanced(source, profile):
    template = Template("t", html=f"<main>{source}</main>", missing=Missing.BLANK)
    try:
        found = rendered(compile_template(template), profile)
    except TemplateError:
        return
    if isinstance(found, str):
        return
    open_tags = []
    for kind, what in _Structure(found.html).found:
        if kind == "/":
            assert open_tags.pop() == what
        else:
            open_tags.append(kind)
    assert open_tags == []
