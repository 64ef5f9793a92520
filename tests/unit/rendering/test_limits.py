"""Whatever a template does, it uses up no more than it may; none of the bounds is a time."""

import pytest

from flowkit.rendering.engine import compile_template, context
from flowkit.rendering.limits import RenderLimits
from flowkit.rendering.model import MessageAborted, Template, TemplateError

SMALL = RenderLimits(source=400, depth=3, turns=20, work=100, value=500, made=2_000, output=3_000)


def reason(source, part="text", limits=SMALL, **values):
    compiled = compile_template(Template("t", **{part: source}), limits=limits)
    with pytest.raises(MessageAborted) as caught:
        compiled.render(context(values, None))
    assert caught.value.reason == "limit_exceeded"
    return caught.value.path


LIST = list(range(10))


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", "turns"),
        ("{% for a in x %}{{ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a }}{% endfor %}", "work"),
        ("{{ t ~ t ~ t ~ t ~ t ~ t }}", "value"),
        ("{{ t|replace('a', 'bbbbbb') }}", "value"),
        ("{{ [t, t, t, t, t, t]|join }}", "value"),
        ("{{ (t|upper)|urlencode }}{% for a in x %}{% set b = s|upper %}{% endfor %}", "made"),
        ("{{ s }}" * 9, "output"),
    ],
)
def test_each_bound_is_kept(source, what):
    assert reason(source, x=LIST, t="a" * 99, s="b" * 400) == f"text ({what})"


def test_what_is_doubled_again_and_again_ends():
    source = "{% set a = 'x' * 1 if none else 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 200 + "{{ a|length }}"
    assert reason(source, limits=RenderLimits()) == "text (value)"


def test_numbers_do_not_grow_without_end():
    source = "{% set a = 12345678901234567890 %}" + "{% set a = a * a %}" * 30 + "{{ a }}"
    with pytest.raises(MessageAborted, match="too_large"):
        compile_template(Template("t", text=source)).render({})


@pytest.mark.parametrize("digits", ["1000000000", "-1", "16"])
def test_digits_have_a_bound(digits):
    with pytest.raises(MessageAborted, match="too_large"):
        compile_template(Template("t", text=f"{{{{ x|round({digits}) }}}}")).render({"x": 1.5})


@pytest.mark.parametrize("x", ["1e999999999", "inf", "nan", float("-inf"), "9" * 400])
@pytest.mark.parametrize("source", ["{{ x|int }}", "{{ x|float }}"])
def test_a_number_that_is_too_large_is_none(source, x):
    assert compile_template(Template("t", text=source)).render({"x": x}).text in {"0", "0.0"}


def test_a_form_of_a_date_asks_for_no_width():
    with pytest.raises(MessageAborted, match="bad_date_form"):
        compile_template(Template("t", text="{{ x|date('%999999999Y') }}")).render({"x": "2026-03-01"})


def test_a_rendering_below_the_bounds_is_none_of_their_business():
    compiled = compile_template(Template("t", text="{% for a in x %}{{ a }}{% endfor %}{{ t ~ t }}"), limits=SMALL)
    assert compiled.render({"x": LIST, "t": "ab"}).text == "0123456789abab"


def test_pieces_that_are_empty_do_not_end_a_part():
    source = "{{ e }}" * 200 + "end"
    assert compile_template(Template("t", text=source)).render({"e": ""}).text == "end"


def test_a_source_and_its_depth_have_bounds():
    with pytest.raises(TemplateError, match="too_long"):
        compile_template(Template("t", text="x" * 401), limits=SMALL)
    with pytest.raises(TemplateError, match="too_deep"):
        compile_template(Template("t", text="{% if a %}" * 4 + "{% endif %}" * 4), limits=SMALL)


def test_loops_that_move_through_markup_are_compiled_in_bounded_time():
    source = "<p " + "{% for a in b %}c" * 14 + "{% endfor %}" * 14 + ">"
    assert compile_template(Template("t", html=source)).variables == {"b"}


@pytest.mark.parametrize(
    "search",
    [
        "{% if 'ab' in b %}{% endif %}",
        "{% if 'ab' not in b %}{% endif %}",
        "{% if 'ab' is in b %}{% endif %}",
        "{% if 'ab' is in(seq=b) %}{% endif %}",
        "{% if 2 in n %}{% endif %}",
        "{% set c = b[1:] %}",
        "{% set c = n[1:] %}",
        "{% set c = w | default('x') %}",
    ],
)
def test_what_is_gone_through_again_and_again_counts(search):
    values = {"x": [1] * 1_000, "b": "a" * 100_000, "n": [1] * 100_000, "w": " " * 100_000}
    source = f"{{% for a in x %}}{search}{{% endfor %}}"
    assert reason(source, limits=RenderLimits(), **values) == "text (made)"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ b | first }}", "9"),
        ("{{ b | last }}", "9"),
        ("{{ b | limit(2) | join }}", "99"),
        ("{{ b | int(7) }}", "7"),
        ("{{ m | last }}{{ m | first }}{{ m | limit(1) | join }}", "dcc"),
        ("{{ 2 in s }}{{ 4 not in s }}{{ 2 is in s }}{{ (s[1:]) | join }}{{ 'c' in m }}", "TrueTrueTrue23True"),
    ],
)
def test_an_end_of_a_long_text_costs_no_more_than_that_of_a_short_one(source, said):
    limits = RenderLimits(made=1_000)
    values = {"b": "9" * 100_000, "m": {"c": 1, "d": 2}, "s": [1, 2, 3]}
    assert compile_template(Template("t", text=source), limits=limits).render(context(values, None)).text == said


@pytest.mark.parametrize("filter_", ["number", "money", "round", "plural"])
def test_a_text_is_no_number_that_is_longer_than_any(filter_):
    compiled = compile_template(Template("t", text=f"{{{{ b | {filter_} }}}}"))
    with pytest.raises(MessageAborted, match="not_a_number"):
        compiled.render(context({"b": "0." + "1" * 100_000}, None))
