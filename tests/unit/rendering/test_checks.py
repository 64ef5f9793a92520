"""Each rule about templates finds what it is for, and the usual template breaks none."""

import pytest

from flowkit.rendering.checks import TEMPLATE_RULES, check_template
from flowkit.rendering.model import Fallbacks, Missing, Template
from flowkit.workflows.lint.model import Severity
from tests.support.personal import seed_template

BREACHES = [
    ("unguarded_value", Template("t", subject="s", text="{{ firstName }}"), "body"),
    ("unguarded_value", Template("t", subject="{{ firstName }}", text="x"), "subject"),
    ("idle_fallback", Template("t", subject="s", text="x", fallbacks=Fallbacks(body={"frstName": "you"})), "fallbacks"),
    ("stands_in_for_itself", Template("t", subject="s", text="x", instead="t"), "fallbacks"),
    (
        "locale_reads_more",
        Template("t", subject="s", text="x", locales={"de": Template("t", subject="s", text="{{ a | d('b') }}")}),
        "de/html",
    ),
    ("no_plain_part", Template("t", subject="s", html="<p>x</p>"), "text"),
    ("no_subject", Template("t", text="x"), "subject"),
    ("long_subject", Template("t", subject="s" * 79, text="x"), "subject"),
    ("faulty_template", Template("t", html="\n<b>{{ x"), "html"),
    ("html.missing_alt", Template("t", subject="s", html="<img src='https://a.example/b.png'>", text="x"), "html"),
]


@pytest.mark.parametrize(("rule", "template", "part"), BREACHES)
def test_each_rule_finds_what_it_is_for(rule, template, part):
    assert part in {one.part for one in check_template(template) if one.rule == rule}


def test_every_rule_has_a_breach():
    assert {rule.id for rule in TEMPLATE_RULES} < {rule for rule, _, _ in BREACHES}


def test_a_fault_has_its_place():
    (found,) = check_template(Template("t", html="\n<b>{{ x | nothing }}"))
    assert (found.severity, found.line, found.column) == (Severity.ERROR, 2, 11)


@pytest.mark.parametrize(
    "template",
    [
        Template("t", subject="s", text="{{ firstName | default('you') }} {{ email }}"),
        Template("t", subject="s", text="{{ firstName }}", missing=Missing.BLANK),
        Template("t", subject="s", text="{{ firstName }}", fallbacks=Fallbacks(body={"firstName": "you"})),
    ],
)
def test_what_comes_close_is_no_breach(template):
    assert check_template(template) == ()


def test_the_usual_tags_print_only_dates_without_a_fallback():
    found = [one for one in check_template(seed_template()) if one.rule == "unguarded_value"]
    assert {one.message.split()[0] for one in found} >= {"signupDate", "lastPurchaseDate"}


def test_there_are_no_two_rules_of_one_name():
    assert len({rule.id for rule in TEMPLATE_RULES}) == len(TEMPLATE_RULES)
