"""What stands in for a value: the tag's default, the template's table, the policy; and what is told of it."""

import pytest

from flowkit.errors import ConfigurationError
from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.model import STANDARD_FALLBACKS, Fallbacks, MessageAborted, Missing, Template

TABLE = Fallbacks(subject={"firstName": "there"}, body={"firstName": "<friend>", "location.city": "town", "n": 0})


def rendered(html, subject="", missing=Missing.ABORT, **values):
    template = Template("t", subject=subject, html=html, fallbacks=TABLE, missing=missing)
    return compile_template(template).render(context(values, None))


def test_the_table_is_for_each_part():
    found = rendered("{{ firstName }}", "Hi {{ firstName }}")
    assert (found.subject, found.html) == ("Hi there", "&lt;friend&gt;")
    assert found.defaulted == ("firstName",)


@pytest.mark.parametrize("value", [None, "", "  ", False, [], {}])
def test_the_table_covers_what_a_default_covers(value):
    assert rendered("{{ firstName }}", firstName=value).html == "&lt;friend&gt;"


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("{{ firstName|default('you') }}", "you"),
        ("{{ firstName|upper|default('you') }}", "you"),
        ("{{ firstName|upper }}", "&lt;FRIEND&gt;"),
        ("{{ user.firstName }}", "&lt;friend&gt;"),
        ("{{ location.city }}", "town"),
        ("{{ n }}", "0"),
        ("{% set firstName = 'me' %}{{ firstName }}", "me"),
        ("{% if firstName %}yes{% else %}no{% endif %}", "no"),
    ],
)
def test_a_default_of_the_tag_goes_first(source, html):
    assert rendered(source).html == html


def test_a_value_that_is_there_needs_nothing():
    found = rendered("{{ firstName }}{{ n }}", firstName="Ann", n=0)
    assert (found.html, found.defaulted) == ("Ann0", ())


def test_without_a_fallback_the_policy_decides():
    with pytest.raises(MessageAborted) as caught:
        rendered("{{ company }}")
    assert (caught.value.reason, caught.value.path) == ("missing_value", "company")
    found = rendered("a{{ company }}b{{ company|upper }}", missing=Missing.BLANK)
    assert (found.html, found.blanked) == ("ab", ("company",))


def test_what_is_unguarded_is_named():
    template = Template("t", html="{{ firstName }}{{ company }}{{ x|default('y') }}", fallbacks=TABLE)
    compiled = compile_template(template)
    assert compiled.unguarded == {"company"}
    assert compiled.variables == {"firstName", "company", "x"}


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ location.city }}{{ user.firstName }}", {"location.city", "firstName"}),
        ("{% for p in products %}{{ p.price }}{{ loop.index }}{% endfor %}", {"products", "products.[].price"}),
        ("{% for o in orders %}{% for l in o.lines %}{{ l.sku }}{% endfor %}{% endfor %}",
         {"orders", "orders.[].lines", "orders.[].lines.[].sku"}),
        ("{{ orders[0].id }}{{ a[b] }}", {"orders.[].id", "a.[]", "b"}),
        ("{{ event.total }}{{ variables.score }}", {"event.total", "variables.score"}),
        ("{% set x = a %}{{ x }}", {"a"}),
    ],
)  # fmt: skip
def test_the_paths_that_are_read_are_named(source, paths):
    assert compile_template(Template("t", html=source)).paths == paths


def test_a_fallback_is_a_text_or_a_number():
    with pytest.raises(ConfigurationError, match="firstName"):
        Fallbacks(body={"firstName": ["a"]})


def test_the_usual_tags_have_fallbacks():
    template = Template(
        "t", subject="{{firstName}}", text="{{firstName}} {{favoriteCategory}} {{totalPurchases}}",
        fallbacks=STANDARD_FALLBACKS,
    )  # fmt: skip
    found = compile_template(template).render({})
    assert (found.subject, found.text) == ("there", "Valued Customer our products 0")


@pytest.mark.parametrize(
    ("locale", "text", "taken"),
    [("de-AT", "Servus", "de-AT"), ("de_at", "Servus", "de-AT"), ("de-CH", "Hallo", "de"), ("de", "Hallo", "de"),
     ("fr", "Hi", None), (None, "Hi", None), (7, "Hi", None), ("", "Hi", None)],
)  # fmt: skip
def test_the_nearest_locale_is_taken(locale, text, taken):
    template = Template(
        "t", text="Hi", locales={"de": Template("t", text="Hallo"), "de-AT": Template("t", text="Servus")}
    )
    compiled = compile_template(template)
    found = compiled.render({"locale": locale})
    assert (found.text, found.locale) == (text, taken)
    assert compiled.variables == {"locale"}


@pytest.mark.parametrize(
    "source", ["{{ 'a' ~ name }}", "{{ 1 + name }}", "{{ (name * 2) | number }}", "{{ 'a' ~ name ~ 'b' | upper }}"]
)
def test_nothing_comes_of_what_is_missing(source):
    blank = compile_template(Template("t", text=f"<{source}>", missing=Missing.BLANK)).render(context({}, None))
    assert (blank.text, blank.blanked) == ("<>", ("name",))
    with pytest.raises(MessageAborted, match="missing_value: name"):
        compile_template(Template("t", text=source)).render(context({}, None))
    guarded = compile_template(Template("t", text=source.replace("{{", "{{ (").replace("}}", ") | default('no') }}")))
    assert guarded.render(context({}, None)).text == "no"
