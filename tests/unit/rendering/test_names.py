"""What a template cannot do without is named, and nothing else: without it there is no message."""

import pytest

from flowkit.rendering.engine import compile_template, context, subject_names, template_names
from flowkit.rendering.model import MessageAborted, Template
from flowkit.workflows.lint.model import Names, TemplateNames

VALUES = {"a": "1", "b": 2, "c": {"d": "3"}, "xs": ["x"]}
"""What is there, for attributes and for variables."""

PRINTED = [
    ("{{ a }}", {"a"}, set()),
    ("{{ user.a }}{{ user['b'] }}", {"a", "b"}, set()),
    ("{{ variables.a }}{{ variables['b'] }}", set(), {"a", "b"}),
    ("{{ c.d }}{{ variables.c['d'] }}", {"c"}, {"c"}),
    ("{{ variables.xs[0] }}", set(), {"xs"}),
    ("{{ a | upper | trim }}", {"a"}, set()),
    ("{{ a ~ variables.a }}", {"a"}, {"a"}),
    ("{{ b + variables.b * 2 }}{{ -b }}", {"b"}, {"b"}),
    ("{% if 1 %}{{ a }}{% endif %}", {"a"}, set()),
    ("{% if b %}{{ a }}{% endif %}", {"a"}, set()),
    ("{% if c.e %}{% else %}{{ a }}{% endif %}", {"a"}, set()),
    ("{% for x in xs %}{{ x }}{{ loop.index }}{{ variables.a }}{% endfor %}", set(), {"a"}),
]

SPARED = [
    "{{ event.total | default('') }}",
    "{{ a | default('x') }}{{ a | d('x') | upper }}{{ variables.a | upper | default('x') }}",
    "{{ 'x' if variables.a else 'y' }}",
    "{{ variables.a or 'x' }}",
    "{% if a %}{{ a }}{% endif %}{% if variables.a is defined %}{{ variables.a }}{% endif %}",
    "{% if variables.a is undefined %}x{% else %}{{ variables.a }}{% endif %}",
    "{% if 'a' in variables %}{{ variables.a }}{% endif %}",
    "{% if b %}x{% elif variables.a %}{{ variables.a }}{% endif %}",
    "{% set a = 'x' %}{{ a }}",
    "{% set known = variables.a %}{% if known %}{{ variables.a }}{% endif %}",
    "{% for x in variables.xs %}{{ variables.xs[0] }}{% endfor %}",
    "{{ xs | join(',') }}{{ xs | length }}{{ variables.a and 1 }}",
]


def parts(source):
    return template_names(Template("t", html=source)), template_names(Template("t", text=source))


@pytest.mark.parametrize(("source", "attributes", "variables"), PRINTED)
def test_what_is_printed_is_named(source, attributes, variables):
    wanted = Names(attributes=attributes, variables=variables)
    assert [names.printed for names in parts(source)] == [wanted, wanted]
    assert subject_names(source).subject == wanted


@pytest.mark.parametrize(("source", "attributes", "variables"), PRINTED)
def test_without_each_of_them_there_is_no_message(source, attributes, variables):
    compiled = compile_template(Template("t", html=source))
    compiled.render(context(VALUES, None, VALUES))
    for name in attributes:
        without = {key: value for key, value in VALUES.items() if key != name}
        with pytest.raises(MessageAborted, match="missing_value"):
            compiled.render(context(without, None, VALUES))
    for name in variables:
        without = {key: value for key, value in VALUES.items() if key != name}
        with pytest.raises(MessageAborted, match="missing_value"):
            compiled.render(context(VALUES, None, without))


@pytest.mark.parametrize("source", SPARED)
def test_what_has_something_instead_is_not_named_and_not_missed(source):
    assert [names.printed for names in parts(source)] == [Names(), Names()]
    assert subject_names(source).subject == Names()


@pytest.mark.parametrize("source", SPARED[:-1])
def test_a_message_is_made_without_it(source):
    assert compile_template(Template("t", html=source)).render(context({}, None)).html is not None


def test_what_is_read_at_all_is_that_of_the_body():
    source = "{% if variables.a %}{{ link | default('') }}{% endif %}{{ user.b | default(variables.c) }}"
    names = template_names(Template("t", subject="{{ s }}", html="{{ h }}", text=source))
    assert names.read == Names(attributes={"h", "link", "b"}, variables={"a", "c"})
    assert (names.printed, names.subject) == (Names(attributes={"h"}), Names(attributes={"s"}))


def test_properties_of_the_event_are_nobody_s_attribute():
    assert subject_names("{{ event.total }}{{ event['total'] }}") == TemplateNames()


def test_of_a_subject_too_only_what_it_cannot_do_without_is_named():
    assert template_names(Template("t", subject="{{ a | default('x') }}{{ b }}")).subject == Names(attributes={"b"})


def test_a_fault_is_told_with_its_line():
    fault = template_names(Template("t", html="\n{{ x | nothing }}")).fault
    assert fault is not None
    assert fault.startswith("line 2, column 8: html: unknown filter 'nothing'")
    assert subject_names("{{").fault is not None
    assert template_names(Template("t", html="x")) == TemplateNames()
