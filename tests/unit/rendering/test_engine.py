"""Templates: what they print, what they read, what they may not do, and that nothing else ever comes out."""

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowkit.events import Event
from flowkit.rendering.engine import Rendered, compile_subject, compile_template, context
from flowkit.rendering.model import MessageAborted, Template, TemplateError

ANN = {
    "firstName": "Ann",
    "lastName": None,
    "blank": "  ",
    "count": 0,
    "vip": False,
    "price": Decimal("9.90"),
    "born": date(1990, 5, 17),
    "seen": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    "address": {"city": "Köln", "zip": None, "items": "data"},
    "orders": [{"id": 7, "total": 3.5}, {"id": 8}],
    "tags": ["a", None, "b"],
    "html": "<b>&'\"",
    "first-name": "Ann-Kathrin",
    "user": "a name of its own",
    "self": "me",
}
BOUGHT = Event("purchase", "s1", properties={"total": 12, "sku": "<x>"})


def render(source, attributes=ANN, event=BOUGHT, *, part="html"):
    compiled = compile_template(Template("t", **{part: source}))
    return getattr(compiled.render(context(attributes, event)), part)


def aborted(source, attributes=ANN, **options):
    with pytest.raises(MessageAborted) as caught:
        render(source, attributes, **options)
    return caught.value.reason, caught.value.path


def refused(source, part="html"):
    with pytest.raises(TemplateError) as caught:
        compile_template(Template("t", **{part: source}))
    return caught.value


# -- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("Hi {{firstName}}!", "Hi Ann!"),
        ("Hi {{ firstName }}!", "Hi Ann!"),
        ("{{ user.firstName }} {{ user['first-name'] }} {{ user['user'] }} {{ user['self'] }}",
         "Ann Ann-Kathrin a name of its own me"),
        ("{{ event.total }} {{ event['total'] }}", "12 12"),
        ("{{ address.city }} {{ address['city'] }} {{ address.items }}", "Köln Köln data"),
        ("{{ orders[0].id }} {{ orders[-1].id }} {{ orders[1:][0].id }}", "7 8 8"),
        ("{{ count }} {{ price }} {{ born }} {{ vip }}", "0 9.90 1990-05-17 False"),
        ("{{ seen }}", "2026-03-01 09:30:00+00:00"),
        ("{{ count + 2 * 3 - 1 }} {{ 7 // 2 }} {{ 7 % 2 }} {{ 1 / 2 }} {{ -count }}", "5 3 1 0.5 0"),
        ("{{ firstName ~ '-' ~ count }}", "Ann-0"),
        ("{% if count > 1 %}many{% elif count == 0 %}none{% else %}one{% endif %}", "none"),
        ("{{ 'vip' if vip else 'guest' }}", "guest"),
        ("{% set name = firstName|upper %}{{ name }}", "ANN"),
        ("{% for o in orders %}{{ loop.index }}:{{ o.id }}{% if not loop.last %}, {% endif %}{% endfor %}", "1:7, 2:8"),
        ("{% for o in missing %}x{% else %}nothing{% endfor %}", "nothing"),
        ("{% for o in orders if o.total %}{{ o.id }}/{{ loop.length }}{% endfor %}", "7/1"),
        ("{{ firstName|title|lower|capitalize|trim }}", "Ann"),
        ("{{ 'a b&c'|urlencode }}", "a%20b%26c"),
        ("{{ 'abcdef'|truncate(5) }}", "ab..."),
        ("{{ 2.5|round|int }} {{ '7'|int + 1 }} {{ -3|abs }}", "3 8 3"),
        ("{{ tags|join(', ') }} {{ tags|length }} {{ orders|count }}", "a, b 3 2"),
        ("{{ missing|join(', ')|default('none') }}", "none"),
        ("{{ firstName is defined }} {{ lastName is defined }} {{ missing is none }} {{ lastName is none }}",
         "True False True True"),
        ("{{ missing == none }} {{ lastName != none }} {{ not missing }} {{ missing|length }}", "True False True 0"),
        ("{% raw %}{{ x }}{% endraw %}{# a comment #}", "{{ x }}"),
        ("line\n", "line\n"),
    ],
)  # fmt: skip
def test_what_is_printed(source, printed):
    assert render(source, part="text") == printed


def test_html_is_escaped_and_subject_and_text_are_not():
    source = "{{ html }} {{ event.sku }} {{ html|upper }} {{ html ~ '<' }}"
    plain = "<b>&'\" <x> <B>&'\" <b>&'\"<"
    assert render(source) == "&lt;b&gt;&amp;&#39;&#34; &lt;x&gt; &lt;B&gt;&amp;&#39;&#34; &lt;b&gt;&amp;&#39;&#34;&lt;"
    assert render(source, part="text") == plain
    assert render(source, part="subject") == plain


def test_text_within_a_value_is_never_rendered():
    assert render("{{ firstName }}", {"firstName": "{{ 7 * 7 }}{% for %}"}, part="text") == "{{ 7 * 7 }}{% for %}"


def test_a_part_that_the_template_has_not_is_none():
    compiled = compile_template(Template("t", subject="S"))
    assert compiled.render({}) == Rendered("S", None, None)
    assert compile_template(Template("t")).render({}) == Rendered("", None, None)


@pytest.mark.parametrize("source", ["{{ x }}", "{{ x|default('d') }}"])
def test_a_lone_surrogate_does_not_come_out(source):
    assert render(source, {"x": "a\ud800b"}, part="text") == "a?b"


# -- fallbacks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["missing", "lastName", "blank", "vip", "address.zip", "address.no.such.thing", "user.no", "event.no"],
)
def test_default_stands_in_for_what_is_missing(name):
    assert render(f"{{{{ {name}|default('there') }}}}") == "there"
    assert render(f"{{{{ {name}|d('there') }}}}") == "there"
    assert render(f"{{{{ {name}|default('there', true) }}}}") == "there"


@pytest.mark.parametrize("value", ["", " \n", None, False, [], {}, ()])
def test_default_stands_in_for_what_is_empty(value):
    assert render("{{ x|default('there') }}", {"x": value}) == "there"


def test_default_leaves_zero_alone():
    assert render("{{ count|default(5) }}") == "0"


def test_default_still_applies_after_another_filter():
    assert render("{{ missing|title|trim|default('there') }}") == "there"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ missing }}", "missing"),
        ("{{ lastName }}", "lastName"),
        ("{{ user.lastName }}", "lastName"),
        ("{{ address.zip }}", "address.zip"),
        ("{{ nowhere.near.it }}", "nowhere.near.it"),
        ("{{ event.discount }}", "event.discount"),
        ("{{ missing|upper }}", "missing"),
        ("{{ missing|join }}", "missing"),
        ("{{ 'a' ~ missing }}", "missing"),
        ("{{ missing + 1 }}", "missing"),
        ("{{ 1 - missing }}", "missing"),
        ("{% if missing > 3 %}{% endif %}", "missing"),
        ("{{ orders[9] }}", "orders.[]"),
        ("{{ range }}", "range"),
        ("{{ lipsum }}", "lipsum"),
        ("{% for t in tags %}{{ t }}{% endfor %}", "t"),
        ("{{ none }}", ""),
    ],
)
def test_what_is_missing_and_printed_aborts_the_message_and_is_named(source, name):
    assert aborted(source) == ("missing_value", name)


# -- subjects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "subject"),
    [
        ("Hello\n  {{ firstName }}", "Hello Ann"),
        ("Hello {{ x }}", "Hello Bcc: eve@example.net"),
        ("{{ y }}", "abc"),
    ],
)
def test_a_subject_is_one_line(source, subject):
    values = context({"firstName": "Ann", "x": "\r\nBcc: eve@example.net", "y": "a\0b\u202ec"}, None)
    assert compile_subject(source).render(values) == subject
    assert compile_template(Template("t", subject=source)).render(values).subject == subject


def test_a_subject_of_998_characters_is_the_longest():
    subject = compile_subject("{{ x }}")
    assert subject.render({"x": "a" * 998}) == "a" * 998
    with pytest.raises(MessageAborted) as caught:
        subject.render({"x": "a" * 999})
    assert (caught.value.reason, caught.value.path) == ("too_long", "subject")


def test_the_subject_of_the_action_goes_before_the_templates_own():
    compiled = compile_template(Template("t", subject="{{ missing }}", text="Hi"))
    assert compiled.render({}, subject="From\nthe action") == Rendered("From the action", None, "Hi")
    with pytest.raises(MessageAborted):
        compiled.render({})


# -- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("nothing", set()),
        ("{{ firstName }} {{ address.city }} {{ orders[0].id }}", {"firstName", "address", "orders"}),
        (
            "{{ user.firstName }} {{ user['first-name'] }} {{ user.address.city }}",
            {"firstName", "first-name", "address"},
        ),
        ("{{ event.total }}", set()),
        ("{% if a %}{% elif b %}{{ c }}{% endif %}", {"a", "b", "c"}),
        ("{% for x in xs %}{{ loop.index }}{{ x.y }}{{ z }}{% endfor %}", {"xs", "z"}),
        ("{% set a = a|default(b) %}{{ a }}", {"a", "b"}),
        ("{% set a = 1 %}{{ a }}", set()),
        ("{{ a[b] }}", {"a", "b"}),
        ("{{ user.a[user.b] }}", {"a", "b"}),
    ],
)
def test_the_attributes_that_are_read_are_named(source, names):
    assert compile_template(Template("t", html=source)).variables == names
    assert compile_subject(source).variables == names


def test_every_part_is_asked():
    assert compile_template(Template("t", subject="{{ a }}", html="{{ b }}", text="{{ c }}")).variables == {
        "a",
        "b",
        "c",
    }


def test_the_context_holds_attributes_user_and_event():
    values = context(ANN, BOUGHT)
    assert values["firstName"] == "Ann"
    assert values["user"] is ANN
    assert values["event"] == {"total": 12, "sku": "<x>"}
    assert context({}, None) == {"user": {}, "event": {}, "variables": {}}
    assert context(ANN, None, {"score": 3})["variables"] == {"score": 3}


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "{{ firstName() }}",
        "{{ firstName.upper() }}",
        "{{ range(9) }}",
        "{% for i in range(9) %}{% endfor %}",
        "{{ loop.cycle('a', 'b') }}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% block a %}{% endblock %}",
        "{% macro m() %}{% endmacro %}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% set a %}{% endset %}",
        "{% set a.b = 1 %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape false %}{{ html }}{% endautoescape %}",
        "{{ 2 ** 99 }}",
        "{% for a in b recursive %}{% endfor %}",
        "{{ 7[1:] }}",
        "{{ (-7)[1:] }}",
        "{{ (not a)[1:] }}",
    ],
)
def test_what_is_not_allowed(source):
    error = refused(source)
    assert error.code == "not_allowed"
    assert error.message.endswith("is not allowed in a template")


@pytest.mark.parametrize(
    "source",
    [
        "{{ _private }}",
        "{{ firstName.__class__ }}",
        "{{ firstName['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ user._secret }}",
        "{% set _a = 1 %}",
        "{% for _a in b %}{% endfor %}",
        "{{ self }}",
        "{{ user }}",
        "{{ user[name] }}",
        "{% for name in user %}{% endfor %}",
        "{% set user = 1 %}",
        "{% for event in orders %}{% endfor %}",
    ],
)
def test_names_that_are_not_read(source):
    assert refused(source).code == "bad_name"


@pytest.mark.parametrize("name", ["attr", "map", "xmlattr", "safe", "format", "tojson", "urlize", "random", "nonsense"])
def test_filters_that_are_not_known(name):
    error = refused(f"\n\n{{{{ firstName|{name} }}}}")
    assert (error.code, error.line, error.column) == ("unknown_filter", 3, 14)
    assert "truncate" in error.message


@pytest.mark.parametrize("name", ["callable", "filter", "sameas", "nonsense"])
def test_tests_that_are_not_known(name):
    assert refused(f"{{% if firstName is {name} %}}{{% endif %}}").code == "unknown_test"


@pytest.mark.parametrize(
    "source", ["\n{{ firstName", "\n{% if %}", "\n{% nonsense %}", "\n{{ a..b }}", "\n{% endif %}"]
)
@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_a_syntax_error_names_its_part_and_line(source, part):
    error = refused(source, part)
    assert (error.code, error.line) == ("syntax", 2)
    assert error.message.startswith(f"{part}: ")


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "-" * 3000 + "1 }}",
        "{{ a" + ".b" * 10_000 + " }}",
        "{% if a %}" * 3000 + "{% endif %}" * 3000,
    ],
)
def test_what_is_nested_too_deeply_is_refused(source):
    assert refused(source).code == "not_compilable"


@pytest.mark.parametrize(
    "source", ["{% for a in b %}" * 16 + "{% endfor %}" * 16, "{% if a %}" * 51 + "{% endif %}" * 51]
)
def test_blocks_are_nested_to_a_bound(source):
    assert refused(source).code == "too_deep"


def test_a_source_has_a_limit():
    assert refused("x" * 1_000_001).code == "too_long"
    assert render("x" * 1_000_000) == "x" * 1_000_000


# -- what goes wrong --------------------------------------------------------------------------------------------------


class Hostile:
    """An object of the host's that nothing good comes of."""

    secret = "s3cret"

    def __str__(self):
        raise MemoryError

    def __eq__(self, other):
        raise RecursionError

    __hash__ = None

    def __iter__(self):
        raise OSError("s3cret")

    def __bool__(self):
        raise RuntimeError("s3cret")

    def __lt__(self, other):
        raise RecursionError


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ x }}", "not_printable"),
        ("{{ x|upper }}", "not_printable"),
        ("{{ x|default('d') }}", "not_printable"),
        ("{{ [x]|join }}", "not_printable"),
        ("{% for y in x %}{% endfor %}", "render_error"),
        ("{% if x %}{% endif %}", "render_error"),
        ("{% if x < 3 %}{% endif %}", "render_error"),
        ("{{ x ~ 'a' }}", "not_printable"),
        ("{{ x + 1 }}", "render_error"),
        ("{{ x.secret }}", "missing_value"),
        ("{{ x['secret'] }}", "missing_value"),
        ("{{ x[0] }}", "missing_value"),
    ],
)
def test_an_object_of_the_hosts_is_neither_printed_nor_looked_into(source, reason):
    found, path = aborted(source, {"x": Hostile()})
    assert found == reason
    assert "s3cret" not in path


def test_a_constant_is_printed_as_a_value_is():
    assert aborted("{{ [1] }}") == ("not_printable", "html")
    assert aborted("{{ ('a'|length)[1:] }}") == ("render_error", "html (TypeError)")


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1,), {1}, b"bytes", object(), print, 1j])
def test_only_text_numbers_and_dates_are_printed(value):
    assert aborted("{{ x }}", {"x": value}) == ("not_printable", "html")
    assert aborted("{{ x }}", {"x": value}, part="text") == ("not_printable", "text")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{{ 1 / count }}", "ZeroDivisionError"),
        ("{{ count % count }}", "ZeroDivisionError"),
        ("{{ 'a' * 1000000000 }}", "TypeError"),
        ("{{ tags * 1000000000 }}", "TypeError"),
        ("{{ '%999999999d' % 1 }}", "TypeError"),
        ("{{ firstName + 'x' }}", "TypeError"),
        ("{{ vip + 1 }}", "TypeError"),
        ("{{ price + 1.5 }}", "TypeError"),
        ("{% if firstName > 3 %}{% endif %}", "TypeError"),
        ("{% for x in count %}{% endfor %}", "TypeError"),
        ("{{ firstName|truncate('x') }}", "TypeError"),
        ("{{ address[orders] }}", "TypeError"),
    ],
)
def test_an_error_while_rendering_aborts_the_message(source, kind):
    assert aborted(source) == ("render_error", f"html ({kind})")


def test_methods_are_not_reached():
    assert aborted("{{ firstName.upper }}") == ("missing_value", "firstName.upper")
    assert aborted("{{ address.keys }}") == ("missing_value", "address.keys")
    assert aborted("{{ orders.append }}") == ("missing_value", "orders.append")
    assert aborted("{% for o in orders %}{{ loop.cycle }}{% endfor %}") == ("missing_value", "loop.cycle")
    assert aborted("{% for o in orders %}{{ loop.changed }}{% endfor %}") == ("missing_value", "loop.changed")


def test_an_interruption_is_not_taken_for_an_error():
    class Interrupting(str):
        __slots__ = ()

        def __str__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render("{{ x }}", {"x": Interrupting("a")}, part="text")


def test_errors_can_be_carried_to_another_process():
    error = refused("{{ x() }}")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made two words ago
    assert (again.code, again.message, again.line) == (error.code, error.message, error.line)


def test_contents_do_not_show():
    assert "Ann" not in repr(Rendered("Ann", "Ann", "Ann"))


# -- whatever comes ---------------------------------------------------------------------------------------------------

PIECES = st.sampled_from([
    "{{", "}}", "{%", "%}", "{#", "#}", "if ", "for ", "in ", "endif", "endfor", "else", "set ", "x", "user", "event",
    ".", "[", "]", "(", ")", "|", "default", "upper", "join", "'", '"', "0", "1", "9" * 400, "~", "+", "*", "-", "/",
    "%", "==", "<", " is ", "not ", "defined", "_", "__class__", " ", "\n", "loop", "recursive", "é", "<b>", "none",
])  # fmt: skip
FILTERS = [
    "default",
    "upper",
    "join",
    "length",
    "round",
    "int",
    "float",
    "abs",
    "truncate(3)",
    "urlencode",
    "title",
    "e",
]
EXPRESSIONS = st.recursive(
    st.sampled_from(
        ["x", "y", "user.x", "event.total", "loop.index", "'a'", "7", "0.5", "none", "true", "[]", "[x, 1]"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([".x", "[0]", "[-1]", "[1:]", "['x']"])).map("".join),
        st.tuples(inner, st.sampled_from(FILTERS)).map("|".join),
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "and", "or"]),
            inner,
        ).map(" ".join),
        st.tuples(inner, st.sampled_from(["defined", "none", "number", "even", "divisibleby(2)"])).map(" is ".join),
        st.tuples(st.sampled_from(["not ", "-"]), inner).map("".join),
    ).map("({})".format),
    max_leaves=6,
)
TEMPLATES = st.recursive(
    EXPRESSIONS.map("{{{{ {} }}}}".format) | st.text(max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(EXPRESSIONS, inner, inner).map(
            lambda three: "{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format(*three)
        ),
        st.tuples(EXPRESSIONS, inner).map(lambda two: "{{% for y in {} %}}{}{{% endfor %}}".format(*two)),
        st.tuples(EXPRESSIONS, inner).map(lambda two: "{{% set x = {} %}}{}".format(*two)),
    ),
    max_leaves=5,
)
SOURCES = TEMPLATES | st.lists(PIECES | st.text(max_size=3), max_size=25).map("".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.dates()
    | st.just(Hostile()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(SOURCES, st.dictionaries(st.sampled_from(["x", "user", "é"]), VALUES))
@example("{{x*x}}", {"x": 10**4000})
@example("{{x}}", {"x": 10**5000})
@example("{{x|round|int}}", {"x": float("inf")})
def test_nothing_but_a_message_or_our_own_errors_comes_out(source, attributes):
    try:
        compiled = compile_template(Template("t", subject=source, html=source, text=source))
        rendered = compiled.render(context(attributes, BOUGHT))
    except TemplateError as error:
        # What Python's compiler warns of would fail here, and be a warning in a host's log.
        assert not isinstance(error.__cause__, SyntaxError)  # noqa: PT017 - most sources are no templates
        return
    except MessageAborted:
        return
    assert len(rendered.subject.splitlines()) <= 1
    assert rendered.html is not None
    assert rendered.text is not None
    for part in (rendered.subject, rendered.html, rendered.text):
        assert part.encode().decode() == part


class _Asked:
    """Whoever slices or searches it has called a method of the host's."""

    def __getitem__(self, key):
        raise AssertionError(key)

    def __contains__(self, one):
        raise AssertionError(one)


@pytest.mark.parametrize("source", ["{{ x.y[0:1] }}", "{{ 'a' in x.y }}", "{{ 'a' is in x.y }}", "{{ x['y'][1:] }}"])
def test_objects_of_the_host_are_not_sliced_or_searched(source):
    with pytest.raises(MessageAborted) as caught:
        compile_template(Template("t", text=source)).render(context({"x": {"y": _Asked()}}, None))
    assert str(caught.value) == "render_error: text (TypeError)"
