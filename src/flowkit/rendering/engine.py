"""Templates compiled and rendered: sources in, a compiled template out, one message a rendering.

Templates are written by others, and are untrusted. A source is parsed, checked against a list of what is allowed,
rewritten so that each tag is escaped for its place and loops are counted, and only then compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from itertools import islice
from typing import Any, Final

import jinja2
from attrs import evolve, field, frozen
from jinja2.meta import find_undeclared_variables

from flowkit.conditions import NO_VARIABLES
from flowkit.events import Event, Properties
from flowkit.rendering.escaping import clean
from flowkit.rendering.grammar import GIVEN, check_grammar
from flowkit.rendering.limits import DEFAULT_LIMITS, LimitExceededError, Meter, RenderLimits
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import Fallbacks, MessageAborted, Missing, Template, TemplateError, locale_of
from flowkit.rendering.names import names_printed, variables_read
from flowkit.rendering.paths import paths_read
from flowkit.rendering.placing import places
from flowkit.rendering.positions import Positions, first_tag
from flowkit.rendering.rewriting import rewrite
from flowkit.rendering.sandbox import METER, SANDBOX
from flowkit.rendering.values import BadValueError, MissingValueError, NotPrintableError
from flowkit.workflows.lint.model import Names, TemplateNames

__all__ = [
    "CompiledSubject",
    "CompiledTemplate",
    "Rendered",
    "compile_subject",
    "compile_template",
    "context",
    "subject_names",
    "template_names",
]

_SUBJECT_LENGTH: Final = 998
_CHUNKS: Final = 64
_LOCALE: Final = "locale"
_NO_FALLBACKS: Final[Mapping[str, str | float]] = {}


@frozen(repr=False)
class Rendered:
    """What a message says.

    Attributes:
        subject: One line of at most 998 characters without control characters; empty where there is none.
        html: The HTML part; None where the template has none.
        text: The plain part; None where the template has none.
        defaulted: The paths for which a default or a fallback stood in.
        blanked: The paths that were missing and of which nothing was printed.
        shown: The ids of the blocks that were printed.
        locale: The locale of the template that was taken; None for the template itself.
    """

    subject: str
    html: str | None
    text: str | None
    defaulted: tuple[str, ...] = field(default=(), eq=False)
    blanked: tuple[str, ...] = field(default=(), eq=False)
    shown: tuple[str, ...] = field(default=(), eq=False)
    locale: str | None = field(default=None, eq=False)

    def __repr__(self) -> str:
        # Contents are personal: neither logs nor tracebacks show them.
        return "Rendered()"


@frozen(eq=False)
class CompiledSubject:
    """A subject line, ready to be rendered.

    Attributes:
        variables: The subscriber's attributes that it reads, by their first names.
        paths: All that it reads, such as ``location.city``, ``event.total`` and ``products.[].price``.
        names: What the lint wants to know of it.
    """

    variables: frozenset[str]
    paths: frozenset[str]
    names: TemplateNames
    _code: jinja2.Template = field(repr=False)
    _limits: RenderLimits = field(repr=False)

    def render(self, context: Properties, *, zone: tzinfo = UTC) -> str:
        """Render the subject, as one line of at most 998 characters without control characters.

        Args:
            context: What ``context`` makes.
            zone: The reader's time zone, for instants that the filter ``date`` prints.

        Raises:
            MessageAborted: It cannot be rendered for this subscriber.
        """
        return _subject(_run(self._code, "subject", _present(context), Meter(self._limits, zone)))


@frozen(eq=False)
class CompiledTemplate:
    """A template, ready to be rendered; it holds no state, so threads may share it.

    Attributes:
        template_id: Of which template.
        variables: The subscriber's attributes that its parts read, by their first names, in whatever locale.
        paths: All that they read, such as ``location.city``, ``event.total`` and ``products.[].price``.
        unguarded: What they print with no default and no condition that asks for it: the attributes' first names.
        names: What the lint wants to know of it: the run's variables too, and what it cannot do without.
        instead: The id of the template that is tried once where this one aborts.
        fallbacks: What stands in for values that are missing.
        missing: What becomes of a message where nothing does.
        variants: The names of its further subjects, in whatever locale.
        locales: The compiled templates of other locales.
    """

    template_id: str
    variables: frozenset[str]
    paths: frozenset[str]
    unguarded: frozenset[str]
    names: TemplateNames
    instead: str | None
    fallbacks: Fallbacks
    missing: Missing
    variants: frozenset[str]
    locales: Mapping[str, CompiledTemplate]
    _subject: jinja2.Template = field(repr=False)
    _subjects: Mapping[str, jinja2.Template] = field(repr=False)
    _html: jinja2.Template | None = field(repr=False)
    _text: jinja2.Template | None = field(repr=False)
    _limits: RenderLimits = field(repr=False)

    def render(
        self, context: Properties, *, subject: str | None = None, zone: tzinfo = UTC, variant: str | None = None
    ) -> Rendered:
        """Render a message.

        Args:
            context: What ``context`` makes; its ``locale`` chooses among the template's locales.
            subject: A subject that was rendered already and goes before the template's own; None takes that.
            zone: The reader's time zone, for instants that the filter ``date`` prints.
            variant: Which of the further subjects is taken; the usual one where there is none of that name.

        Raises:
            MessageAborted: The message cannot be made for this subscriber: ``missing_value`` with the path of
                what is missing; ``bad_url``, ``bad_style``, ``not_a_date``, ``not_a_number`` and the like with the
                part; ``not_printable`` and ``too_long`` with the part; ``limit_exceeded`` with part and limit;
                ``render_error`` with the part and the kind of error. Nothing else is raised.
        """
        locale = locale_of(self.locales, context.get(_LOCALE))
        if locale is not None:
            found = self.locales[locale].render(context, subject=subject, zone=zone, variant=variant)
            return evolve(found, locale=locale)
        present = _present(context)
        meter = Meter(self._limits, zone)
        own = self._subject if variant is None else self._subjects.get(variant, self._subject)
        return Rendered(
            _subject(_run(own, "subject", present, meter) if subject is None else subject),
            None if self._html is None else _run(self._html, "html", present, meter),
            None if self._text is None else _run(self._text, "text", present, meter),
            tuple(meter.defaulted),
            tuple(meter.blanked),
            tuple(meter.shown),
        )


def compile_template(template: Template, *, limits: RenderLimits = DEFAULT_LIMITS) -> CompiledTemplate:
    """Compile a template: what its HTML part prints is escaped for its place, subject and plain part are no HTML.

    Raises:
        TemplateError: A part is no template, uses what is not allowed, or prints a value where none can be made
            safe; the message names the part, and the error has line and column.
    """
    table, policy = template.fallbacks, template.missing
    subject = _compile(template.subject, "subject", _Terms(limits, policy, table.subject))
    html = None if template.html is None else _compile(template.html, "html", _Terms(limits, policy, table.body))
    text = None if template.text is None else _compile(template.text, "text", _Terms(limits, policy, table.body))
    body = [part for part in (html, text) if part is not None]
    subjects = {
        name: _compile(source, "subject", _Terms(limits, policy, table.subject))
        for name, source in template.subjects.items()
    }
    names = TemplateNames(
        read=_together(part.read for part in body),
        printed=_together(part.printed for part in body),
        subject=subject.printed,
    )
    locales = {
        locale: compile_template(template.in_locale(locale), limits=limits) for locale in sorted(template.locales)
    }
    several = list(locales.values())
    others = subjects.values()
    parts = (subject, *body, *others)
    own = frozenset({_LOCALE} if locales else ()).union(*(part.read.attributes for part in others))
    return CompiledTemplate(
        template.template_id,
        (subject.read.attributes | names.read.attributes | own).union(*(one.variables for one in several)),
        frozenset(path for part in parts for path in part.paths).union(*(one.paths for one in several)),
        (names.printed.attributes | names.subject.attributes).union(*(one.unguarded for one in several)),
        names,
        template.instead,
        table,
        policy,
        frozenset(subjects).union(*(one.variants for one in several)),
        locales,
        subject.code,
        {name: part.code for name, part in subjects.items()},
        None if html is None else html.code,
        None if text is None else text.code,
        limits,
    )


def compile_subject(
    source: str,
    *,
    fallbacks: Fallbacks | None = None,
    missing: Missing = Missing.ABORT,
    limits: RenderLimits = DEFAULT_LIMITS,
) -> CompiledSubject:
    """Compile a send action's own subject.

    Args:
        source: Its source.
        fallbacks: Those of the template that it goes with.
        missing: The policy of that template.
        limits: What it may use up.

    Raises:
        TemplateError: It is no template, or uses what is not allowed.
    """
    table = _NO_FALLBACKS if fallbacks is None else fallbacks.subject
    part = _compile(source, "subject", _Terms(limits, missing, table))
    return CompiledSubject(part.read.attributes, part.paths, TemplateNames(subject=part.printed), part.code, limits)


def template_names(template: Template) -> TemplateNames:
    """Say of a template what `check` wants to know: what it reads, what it cannot do without, and what is wrong."""
    try:
        return compile_template(template).names
    except TemplateError as error:
        return TemplateNames(fault=str(error))


def subject_names(source: str) -> TemplateNames:
    """Say of a send action's own subject what `check` wants to know."""
    try:
        return compile_subject(source).names
    except TemplateError as error:
        return TemplateNames(fault=str(error))


def context(attributes: Properties, event: Event | None, variables: Properties = NO_VARIABLES) -> dict[str, Any]:
    """Put together what merge tags read.

    Args:
        attributes: The subscriber's attributes; ``{{ firstName }}`` and ``{{ user.firstName }}`` read them.
        event: The event that led to the message; ``{{ event.total }}`` reads its properties.
        variables: The run's variables; ``{{ variables.score }}`` reads them.

    Returns:
        The attributes by name, and ``user``, ``event`` and ``variables``, which win over attributes of those names.
    """
    properties: Properties = {} if event is None else event.properties
    return {**attributes, "user": attributes, "event": properties, "variables": variables}


# ------------------------------------------------------------------------------------------------------------
# Rendering


def _present(values: Properties) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _run(code: jinja2.Template, part: str, values: dict[str, Any], meter: Meter) -> str:
    try:
        return clean(_written(code, values, meter))
    except MissingValueError as error:
        raise MessageAborted("missing_value", error.path) from error
    except jinja2.UndefinedError as error:
        raise MessageAborted("missing_value", error.message or "") from error
    except NotPrintableError as error:
        raise MessageAborted("not_printable", part) from error
    except BadValueError as error:
        raise MessageAborted(error.reason, error.path or part) from error
    except LimitExceededError as error:
        raise MessageAborted("limit_exceeded", f"{part} ({error.what})") from error
    except Exception as error:
        # Whatever it is, memory and recursion included, it says that this message cannot be made. The error's
        # own text stays out of the reason, since it may quote the subscriber's data.
        raise MessageAborted("render_error", f"{part} ({type(error).__name__})") from error


def _written(code: jinja2.Template, values: dict[str, Any], meter: Meter) -> str:
    """Write a part, some pieces at a time, so that what is too long is never made."""
    values[METER] = meter
    pieces = code.root_render_func(code.new_context(values, shared=True))
    room = meter.limits.output
    written: list[str] = []
    while batch := list(islice(pieces, _CHUNKS)):
        text = "".join(batch)
        room -= len(text)
        if room < 0:
            raise LimitExceededError("output")
        written.append(text)
    return "".join(written)


def _subject(text: str) -> str:
    line = one_line(text)
    if len(line) > _SUBJECT_LENGTH:
        raise MessageAborted("too_long", "subject")
    return line


# ------------------------------------------------------------------------------------------------------------
# Compiling


@frozen
class _Terms:
    """Under what terms a part is compiled."""

    limits: RenderLimits
    missing: Missing
    fallbacks: Mapping[str, str | float]


@frozen(eq=False)
class _Part:
    """A part of a template: what runs, what it reads, and what it cannot do without."""

    code: jinja2.Template
    read: Names
    printed: Names
    paths: frozenset[str]


def _together(several: Iterable[Names]) -> Names:
    several = tuple(several)
    return Names(
        attributes=frozenset[str]().union(*(one.attributes for one in several)),
        variables=frozenset[str]().union(*(one.variables for one in several)),
    )


def _compile(source: str, part: str, terms: _Terms) -> _Part:
    if len(source) > terms.limits.source:
        raise TemplateError("too_long", f"{part}: a template has at most {terms.limits.source} characters")
    try:
        return _compiled(source, part, terms)
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError("syntax", f"{part}: {error.message}", *first_tag(source, error.lineno)) from error
    except Exception as error:
        # Nested too deeply for the parser or for Python's own compiler, or a constant that cannot be printed.
        raise TemplateError("not_compilable", f"{part}: cannot be compiled ({type(error).__name__})") from error


def _compiled(source: str, part: str, terms: _Terms) -> _Part:
    source = clean(source)  # What comes out of the message anyhow must not hide markup from those who look at it.
    tree = SANDBOX.parse(source)
    positions = Positions(SANDBOX, source)
    attributes = frozenset(check_grammar(tree, part, positions, terms.limits))
    spared = terms.fallbacks.keys() if terms.missing is Missing.ABORT else None
    printed = Names() if spared is None else names_printed(tree, frozenset(spared))
    variables, paths = variables_read(tree), paths_read(tree)
    names = find_undeclared_variables(SANDBOX.parse(source)) - GIVEN
    rewrite(tree, places(tree, part, positions) if part == "html" else None, terms.missing, terms.fallbacks)
    code = jinja2.Template.from_code(SANDBOX, SANDBOX.compile(tree, filename=f"<{part}>"), {})
    return _Part(code, Names(attributes=attributes | names, variables=variables), printed, paths)
