"""The lint of templates: what is wrong with one, or only odd, by rules that have ids for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from attrs import frozen

from flowkit.rendering.engine import CompiledTemplate, compile_template
from flowkit.rendering.html.lint import html_findings
from flowkit.rendering.model import Missing, Template, TemplateError
from flowkit.workflows.lint.model import Severity

__all__ = ["TEMPLATE_RULES", "TemplateFinding", "TemplateRule", "check_template"]

_SUBJECT: Final = 78
_FALLBACK_PARTS: Final = ("subject", "body")


class TemplateFinding(NamedTuple):
    """Something that a rule found.

    Attributes:
        rule: The rule's id; ``html.<code>`` for what mail programs and filters will mind.
        severity: What it leads to; an error means that no message can be made.
        part: ``subject``, ``html``, ``text`` or ``fallbacks``; with a locale as ``de/html``.
        message: What is wrong and what to do.
        line: The line, from 1; None where it concerns no place.
        column: The column, from 1; None likewise.
    """

    rule: str
    severity: Severity
    part: str
    message: str
    line: int | None = None
    column: int | None = None


class _Seen(NamedTuple):
    part: str
    message: str


@frozen
class TemplateRule:
    """A rule about one template.

    Attributes:
        id: Its name for ever.
        severity: What breaking it leads to.
        summary: What it looks for, in half a sentence.
        why: What happens where it is broken.
        remedy: What to do then.
        find: Finds where it is broken.
    """

    id: str
    severity: Severity
    summary: str
    why: str
    remedy: str
    find: Callable[[Template, CompiledTemplate], Iterator[_Seen]]


def _unguarded(template: Template, compiled: CompiledTemplate) -> Iterator[_Seen]:
    if template.missing is Missing.BLANK:
        return
    for part, names in (("subject", compiled.names.subject), ("body", compiled.names.printed)):
        for name in sorted(names.attributes - {"email"}):
            yield _Seen(part, f"{name} is printed with nothing to stand in for it; give it a default or a fallback")


def _idle_fallbacks(template: Template, compiled: CompiledTemplate) -> Iterator[_Seen]:
    for part in _FALLBACK_PARTS:
        table = template.fallbacks.subject if part == "subject" else template.fallbacks.body
        for path in sorted(table.keys() - compiled.paths):
            yield _Seen("fallbacks", f"the fallback of {path} for the {part} stands in for nothing that is read")


def _no_text(template: Template, _: CompiledTemplate) -> Iterator[_Seen]:
    if template.html is not None and template.text is None:
        yield _Seen("text", "there is no plain part; write one, or let the policy for mail derive it")


def _no_subject(template: Template, _: CompiledTemplate) -> Iterator[_Seen]:
    if not template.subject.strip():
        yield _Seen("subject", "there is no subject; write one, or let every action have one of its own")


def _long_subject(template: Template, _: CompiledTemplate) -> Iterator[_Seen]:
    if len(template.subject) > _SUBJECT:
        yield _Seen("subject", f"the subject has {len(template.subject)} characters; many readers see the first 40")


def _stands_in_for_itself(template: Template, _: CompiledTemplate) -> Iterator[_Seen]:
    if template.instead == template.template_id:
        yield _Seen("fallbacks", "the template is to stand in for itself; name another one")


def _locale_reads_more(template: Template, compiled: CompiledTemplate) -> Iterator[_Seen]:
    own = compile_template(Template("", subject=template.subject, html=template.html, text=template.text)).variables
    for locale, one in compiled.locales.items():
        for name in sorted(one.variables - own - {"locale"}):
            yield _Seen(f"{locale}/html", f"{name} is read in {locale}, and not in the template itself")


TEMPLATE_RULES: Final = (
    TemplateRule(
        "unguarded_value",
        Severity.WARNING,
        summary="a value that is printed with no default, no fallback and no condition that asks for it",
        why="Whoever has no such value gets no message.",
        remedy="Write `{{ name | default('…') }}`, or give it a fallback.",
        find=_unguarded,
    ),
    TemplateRule(
        "idle_fallback",
        Severity.WARNING,
        summary="a fallback for a path that the template does not read",
        why="It never stands in; often the path is misspelled.",
        remedy="Spell it as the tag does, or take it out.",
        find=_idle_fallbacks,
    ),
    TemplateRule(
        "stands_in_for_itself",
        Severity.WARNING,
        summary="a template that is named to stand in for itself",
        why="It would abort once more.",
        remedy="Name a template that prints less.",
        find=_stands_in_for_itself,
    ),
    TemplateRule(
        "locale_reads_more",
        Severity.INFO,
        summary="a locale that reads what the template itself does not",
        why="A value that only one language prints is often a slip.",
        remedy="Look whether it is meant.",
        find=_locale_reads_more,
    ),
    TemplateRule(
        "no_plain_part",
        Severity.INFO,
        summary="HTML without a plain part",
        why="Some readers see nothing, and some filters mind.",
        remedy="Write one, or let the policy for mail derive it.",
        find=_no_text,
    ),
    TemplateRule(
        "no_subject",
        Severity.INFO,
        summary="a template without a subject",
        why="A message whose action has no subject of its own arrives without one.",
        remedy="Write one.",
        find=_no_subject,
    ),
    TemplateRule(
        "long_subject",
        Severity.INFO,
        summary="a subject of more than 78 characters, tags and all",
        why="Most programs cut it off.",
        remedy="Say it in fewer words.",
        find=_long_subject,
    ),
)


def check_template(template: Template, *, marketing: bool = True) -> tuple[TemplateFinding, ...]:
    """Look at a template: at what its tags do, and at what mail programs will mind of its HTML.

    Args:
        template: The template, with its locales.
        marketing: Whether it is marketing, which needs a way to unsubscribe.

    Returns:
        What was found: errors, then warnings, then what is worth a thought. A template that cannot be compiled is the
        one finding ``faulty_template``.
    """
    try:
        compiled = compile_template(template)
    except TemplateError as error:
        part = error.message.partition(":")[0]
        return (TemplateFinding("faulty_template", Severity.ERROR, part, str(error), error.line, error.column),)
    found = [
        TemplateFinding(rule.id, rule.severity, seen.part, seen.message)
        for rule in TEMPLATE_RULES
        for seen in rule.find(template, compiled)
    ]
    for locale in (None, *sorted(template.locales)):
        source = template.in_locale(locale).html
        part = "html" if locale is None else f"{locale}/html"
        found += [
            TemplateFinding(f"html.{one.code}", Severity.WARNING, part, one.message, one.line, one.column)
            for one in html_findings(source or "", marketing=marketing)
            if source is not None
        ]
    order = tuple(Severity)
    return tuple(sorted(found, key=lambda one: order.index(one.severity)))
