"""The one door to the template engine: sources in, a compiled template out, one message a rendering.

Templates are written by others: they are checked against a list of what is allowed and rendered in Jinja2's
immutable sandbox, where an attribute is read from mappings and loops only, and never from an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import jinja2
from attrs import field, frozen
from jinja2 import nodes
from jinja2.filters import FILTERS, do_join
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import missing

from flowkit.conditions import NO_VARIABLES
from flowkit.events import Event, Properties
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import MessageAborted, Template, TemplateError
from flowkit.rendering.names import names_printed, variables_read
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
_SOURCE_LENGTH: Final = 1_000_000
_USER: Final = "user"
_EVENT: Final = "event"
_VARIABLES: Final = "variables"


@frozen(repr=False)
class Rendered:
    """What a message says.

    Attributes:
        subject: One line of at most 998 characters without control characters; empty where there is none.
        html: The HTML part; None where the template has none.
        text: The plain part; None where the template has none.
    """

    subject: str
    html: str | None
    text: str | None

    def __repr__(self) -> str:
        # Contents are personal: neither logs nor tracebacks show them.
        return "Rendered()"


@frozen(eq=False)
class CompiledSubject:
    """A subject line, ready to be rendered.

    Attributes:
        variables: The subscriber's attributes that it reads, by their first names.
        names: What the lint wants to know of it.
    """

    variables: frozenset[str]
    names: TemplateNames
    _code: jinja2.Template = field(repr=False)

    def render(self, context: Properties) -> str:
        """Render the subject, as one line of at most 998 characters without control characters.

        Args:
            context: What ``context`` makes.

        Raises:
            MessageAborted: It cannot be rendered for this subscriber.
        """
        return _subject(_run(self._code, "subject", _present(context)))


@frozen(eq=False)
class CompiledTemplate:
    """A template, ready to be rendered; it holds no state, so threads may share it.

    Attributes:
        template_id: Of which template.
        variables: The subscriber's attributes that its parts read, by their first names.
        names: What the lint wants to know of it: the run's variables too, and what it cannot do without.
    """

    template_id: str
    variables: frozenset[str]
    names: TemplateNames
    _subject: jinja2.Template = field(repr=False)
    _html: jinja2.Template | None = field(repr=False)
    _text: jinja2.Template | None = field(repr=False)

    def render(self, context: Properties, *, subject: str | None = None) -> Rendered:
        """Render a message.

        Args:
            context: What ``context`` makes.
            subject: A subject that was rendered already and goes before the template's own; None takes that.

        Raises:
            MessageAborted: The message cannot be made for this subscriber: ``missing_value`` with the name of
                what is missing, ``not_printable`` and ``too_long`` with the part, ``render_error`` with the
                part and the kind of error. Nothing else is raised.
        """
        present = _present(context)
        return Rendered(
            _subject(_run(self._subject, "subject", present) if subject is None else subject),
            None if self._html is None else _run(self._html, "html", present),
            None if self._text is None else _run(self._text, "text", present),
        )


def compile_template(template: Template) -> CompiledTemplate:
    """Compile a template: its HTML part escapes what it prints, its subject and its plain part do not.

    Raises:
        TemplateError: A part is no template, or uses what is not allowed; the message names the part.
    """
    subject = _compile(template.subject, "subject", _PLAIN)
    html = None if template.html is None else _compile(template.html, "html", _HTML)
    text = None if template.text is None else _compile(template.text, "text", _PLAIN)
    body = [part for part in (html, text) if part is not None]
    names = TemplateNames(
        read=_together(part.read for part in body),
        printed=_together(part.printed for part in body),
        subject=subject.printed,
    )
    return CompiledTemplate(
        template.template_id,
        subject.read.attributes | names.read.attributes,
        names,
        subject.code,
        None if html is None else html.code,
        None if text is None else text.code,
    )


def compile_subject(source: str) -> CompiledSubject:
    """Compile a send action's own subject.

    Raises:
        TemplateError: It is no template, or uses what is not allowed.
    """
    part = _compile(source, "subject", _PLAIN)
    return CompiledSubject(part.read.attributes, TemplateNames(subject=part.printed), part.code)


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
    return {**attributes, _USER: attributes, _EVENT: properties, _VARIABLES: variables}


# ------------------------------------------------------------------------------------------------------------
# Rendering


def _present(values: Properties) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _run(code: jinja2.Template, part: str, values: dict[str, Any]) -> str:
    try:
        text = code.render(values)
    except jinja2.UndefinedError as error:
        raise MessageAborted("missing_value", error.message or "") from error
    except _NotPrintableError as error:
        raise MessageAborted("not_printable", part) from error
    except Exception as error:
        # Whatever it is, memory and recursion included, it says that this message cannot be made. The error's
        # own text stays out of the reason, since it may quote the subscriber's data.
        raise MessageAborted("render_error", f"{part} ({type(error).__name__})") from error
    return text if text.isascii() else text.encode(errors="replace").decode()


def _subject(text: str) -> str:
    line = one_line(text)
    if len(line) > _SUBJECT_LENGTH:
        raise MessageAborted("too_long", "subject")
    return line


class _NotPrintableError(Exception):
    """A value was to be printed that is neither text, number nor date."""


class _Missing(Undefined):
    """What a name stands for that has no value, or null: false, empty, equal to null.

    Any other use is an error, whose message is the name alone.
    """

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: object = missing,
        name: str | None = None,
        exc: type[jinja2.TemplateRuntimeError] = jinja2.UndefinedError,
    ) -> None:
        super().__init__(name or hint, obj, name, exc)

    def __str__(self) -> str:
        raise self._undefined_exception(self._undefined_message)

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Undefined.__hash__


def _printed(value: object) -> object:
    """Let a value be printed, or say why not."""
    if value is None:
        raise jinja2.UndefinedError("")
    if isinstance(value, (str, int, float, Decimal, date)):
        return value
    if isinstance(value, Undefined):
        return str(value)
    raise _NotPrintableError


@jinja2.pass_context  # What asks for the context is called while rendering only: no constant gets around it.
def _finalize(_context: Context, value: object) -> object:
    return _printed(value)


def _read(holder: object, key: object) -> object:
    """Read one step of a path; None where nothing is there."""
    values: Any = holder
    if isinstance(holder, Mapping):
        return values.get(key)
    if isinstance(holder, LoopContext):
        return getattr(holder, str(key)) if key in _LOOP else None
    if isinstance(holder, (str, list, tuple)) and isinstance(key, int) and -len(values) <= key < len(values):
        return values[key]
    return None


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox, which reads no attribute of an object and calculates with numbers only."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def getattr(self, obj: object, attribute: str) -> object:
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        if isinstance(obj, Undefined):
            return obj
        value = _read(obj, argument)
        return self.undefined(obj=obj, name=str(argument)) if value is None else value

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        for operand in (left, right):
            if isinstance(operand, bool) or not isinstance(operand, (int, float, Decimal, Undefined)):
                message = f"{operator} takes numbers; write ~ to join texts"
                raise TypeError(message)
        return super().call_binop(context, operator, left, right)


# ------------------------------------------------------------------------------------------------------------
# What a template may use

_Filter: TypeAlias = Callable[..., object]

_LOOP: Final = frozenset({"index", "index0", "first", "last", "length"})
_TEXT_FILTERS: Final = (
    "abs", "capitalize", "e", "escape", "float", "int", "lower", "round", "title", "trim", "truncate",
    "upper", "urlencode",
)  # fmt: skip
_SIZE_FILTERS: Final = ("count", "length")
_TESTS: Final = (
    "defined", "divisibleby", "eq", "even", "false", "ge", "gt", "in", "le", "lt", "mapping", "ne", "number",
    "odd", "sequence", "string", "true", "undefined",
)  # fmt: skip
_ALLOWED: Final = frozenset({
    nodes.Add, nodes.And, nodes.Assign, nodes.Compare, nodes.Concat, nodes.CondExpr, nodes.Const, nodes.Dict,
    nodes.Div, nodes.Filter, nodes.FloorDiv, nodes.For, nodes.Getattr, nodes.Getitem, nodes.If, nodes.Keyword,
    nodes.List, nodes.Mod, nodes.Mul, nodes.Name, nodes.Neg, nodes.Not, nodes.Operand, nodes.Or,
    nodes.Output, nodes.Pair, nodes.Pos, nodes.Slice, nodes.Sub, nodes.Template, nodes.TemplateData,
    nodes.Test, nodes.Tuple,
})  # fmt: skip
_EMPTY: Final[tuple[object, ...]] = ([], (), {})
_SLICED: Final = frozenset({nodes.Filter, nodes.Getattr, nodes.Getitem, nodes.Name})
_WORDS: Final[Mapping[type[nodes.Node], str]] = MappingProxyType({
    nodes.AssignBlock: "a set block",
    nodes.Call: "a call",
    nodes.CallBlock: "a call block",
    nodes.FilterBlock: "a filter block",
    nodes.FromImport: "import",
    nodes.NSRef: "a namespace",
    nodes.Pow: "**",
    nodes.Scope: "autoescape",
})  # fmt: skip


def _of_text(filter_: _Filter) -> _Filter:
    """Let a filter take what prints, and pass on what is missing, so that a later ``default`` applies."""
    # Jinja2 hands some filters its environment or evaluation context before the value.
    place = 1 if hasattr(filter_, "jinja_pass_arg") else 0

    @wraps(filter_)
    def filtered(*args: object, **options: object) -> object:
        value = args[place]
        if _is_none(value):
            return value
        _printed(value)
        return filter_(*args, **options)

    return filtered


def _default(value: object, fallback: object = "", boolean: bool = True) -> object:  # noqa: FBT001, FBT002 - Jinja2's
    """Stand in for a value that is missing, null, false, blank or empty; 0 is a value."""
    del boolean  # Accepted, so that `default(x, true)` goes on to work.
    if _is_none(value) or value is False or value in _EMPTY:
        return fallback
    return fallback if isinstance(value, str) and not value.strip() else value


@jinja2.pass_eval_context
def _join(eval_ctx: EvalContext, values: Iterable[object], between: str = "") -> object:
    """Join what a list holds, without its nulls."""
    if _is_none(values):
        return values
    return do_join(eval_ctx, [_printed(value) for value in values if value is not None], between)


def _is_none(value: object) -> bool:
    return value is None or isinstance(value, Undefined)


def _sandbox(*, autoescape: bool) -> _Sandbox:
    sandbox = _Sandbox(
        autoescape=autoescape,
        cache_size=0,
        finalize=_finalize,
        keep_trailing_newline=True,
        optimized=False,  # a folded constant is no longer what was checked
        undefined=_Missing,
    )
    sandbox.globals.clear()
    known: Mapping[str, _Filter] = FILTERS
    filters: dict[str, Any] = {name: _of_text(known[name]) for name in _TEXT_FILTERS}
    filters |= {name: known[name] for name in _SIZE_FILTERS}
    filters |= {"d": _default, "default": _default, "join": _join}
    sandbox.filters = filters
    tests: dict[str, Any] = {name: TESTS[name] for name in _TESTS}
    tests |= {"none": _is_none}
    sandbox.tests = tests
    sandbox.policies["truncate.leeway"] = 0
    return sandbox


# Made once and never changed: a template's code refers to its environment.
_HTML: Final = _sandbox(autoescape=True)
_PLAIN: Final = _sandbox(autoescape=False)


# ------------------------------------------------------------------------------------------------------------
# Compiling


@frozen(eq=False)
class _Part:
    """A part of a template: what runs, what it reads, and what it cannot do without."""

    code: jinja2.Template
    read: Names
    printed: Names


def _together(several: Iterable[Names]) -> Names:
    several = tuple(several)
    return Names(
        attributes=frozenset[str]().union(*(one.attributes for one in several)),
        variables=frozenset[str]().union(*(one.variables for one in several)),
    )


def _compile(source: str, part: str, sandbox: _Sandbox) -> _Part:
    if len(source) > _SOURCE_LENGTH:
        raise TemplateError("too_long", f"{part}: a template has at most {_SOURCE_LENGTH} characters")
    try:
        tree = sandbox.parse(source)
        attributes = frozenset(_check(tree, part))
        printed, variables = names_printed(tree), variables_read(tree)
        code = jinja2.Template.from_code(sandbox, sandbox.compile(tree, filename=f"<{part}>"), {})
        # Last, since it folds constants within the tree.
        names = find_undeclared_variables(tree) - {_USER, _EVENT, _VARIABLES}
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError("syntax", f"{part}: {error.message}", error.lineno) from error
    except Exception as error:
        # Nested too deeply for the parser or for Python's own compiler, or a constant that cannot be printed.
        raise TemplateError("not_compilable", f"{part}: cannot be compiled ({type(error).__name__})") from error
    return _Part(code, Names(attributes=attributes | names, variables=variables), printed)


def _check(tree: nodes.Template, part: str) -> Iterator[str]:
    """Refuse what is not allowed; name the attributes that are read as ``user.…``."""
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        if problem := _problem(node):
            code, message = problem
            raise TemplateError(code, f"{part}: {message}", node.lineno)
        match node:
            case nodes.Getattr(node=nodes.Name(name="user"), attr=name):
                yield name
            case nodes.Getitem(node=nodes.Name(name="user"), arg=nodes.Const(value=str(name))):
                yield name
            case _:
                waiting.extend(node.iter_child_nodes())


def _problem(node: nodes.Node) -> tuple[str, str] | None:
    if type(node) not in _ALLOWED:
        word = _WORDS.get(type(node), type(node).__name__.lower())
        return "not_allowed", f"{word} is not allowed in a template"
    match node:
        case nodes.Name(name=name) | nodes.Getattr(attr=name) | nodes.Getitem(arg=nodes.Const(value=str(name))) if (
            name.startswith("_")
        ):
            return "bad_name", f"{name!r} begins with an underscore; a template reads no such name"
        case nodes.Name(name="self"):
            return (
                "bad_name",
                "'self' is a word of the template engine; write user['self'] to read such an attribute",
            )
        case nodes.Name(name="user" | "event" | "variables" as name, ctx="store"):
            return "bad_name", f"{name!r} stands for what is known; set another name"
        case nodes.Name(name="user"):
            return "bad_name", "'user' is read by attribute only, such as user.firstName"
        case nodes.Getitem(arg=nodes.Slice(), node=sliced) if type(sliced) not in _SLICED:
            # It becomes a slice of Python's own, which warns of constants, or fails where warnings are errors.
            return "not_allowed", "a slice of something else than a value is not allowed in a template"
        case nodes.For(recursive=True):
            return "not_allowed", "a recursive loop is not allowed in a template"
        case nodes.Filter(name=name) if name not in _HTML.filters:
            return "unknown_filter", f"unknown filter {name!r}; known are {', '.join(sorted(_HTML.filters))}"
        case nodes.Test(name=name) if name not in _HTML.tests:
            return "unknown_test", f"unknown test {name!r}; known are {', '.join(sorted(_HTML.tests))}"
        case _:
            return None
