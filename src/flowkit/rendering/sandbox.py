"""Jinja2's environment for templates of others: it reads data alone, calls nothing of theirs, and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias, cast

import jinja2
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import missing

from flowkit.rendering import escaping
from flowkit.rendering.filters import FILTERS, SIZES, with_default
from flowkit.rendering.grammar import TEST_NAMES
from flowkit.rendering.limits import Meter
from flowkit.rendering.values import (
    BadValueError,
    Block,
    Labelled,
    MissingValueError,
    Printable,
    Trusted,
    calculated,
    is_blank,
    printable,
    read_step,
)

__all__ = ["METER", "SANDBOX", "is_missing"]

METER: Final = " meter"
"""The name under which a rendering has its meter; no template can write it."""
_LOOP: Final = frozenset({"index", "index0", "first", "last", "length"})
Write: TypeAlias = Callable[[Printable], str]
"""Writes a value for one kind of place."""


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

    @property
    def path(self) -> str:
        """The name of what is missing, without what it was asked of."""
        return self._undefined_name or ""

    def __str__(self) -> str:
        raise MissingValueError(self.path)

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Undefined.__hash__


def is_missing(value: object) -> bool:
    """Tell whether there is no value at all."""
    return value is None or isinstance(value, Undefined)


def _step(holder: object, key: object) -> object:
    if isinstance(holder, LoopContext):
        return getattr(holder, str(key)) if key in _LOOP else None
    return read_step(holder, key)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Reads no attribute of an object, and calculates with numbers only."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            value = cast("dict[str, object]", obj).get(attribute)
            if value is not None:
                return value
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj
        value = _step(obj, argument)
        return self.undefined(obj=obj, name=str(argument)) if value is None else value

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for operand in (left, right):
            if isinstance(operand, Undefined):
                return operand  # Nothing comes of what is missing, as with filters.
        return calculated(operator, left, right)


def _meter(context: Context) -> Meter:
    meter: Meter = context.resolve_or_missing(METER)
    return meter


# ------------------------------------------------------------------------------------------------------------
# Filters as the engine calls them


def _filter(filter_: Callable[..., object], *, takes_missing: bool) -> Callable[..., object]:
    @jinja2.pass_context
    def filtered(context: Context, value: object, *args: object, **options: object) -> object:
        if is_missing(value):
            return 0 if takes_missing else value
        return filter_(_meter(context), value, *args, **options)

    return filtered


@jinja2.pass_context
def _default(
    context: Context,
    value: object,
    fallback: object = "",
    boolean: object = True,  # noqa: ARG001, FBT002 - Jinja2's own, so that `default(x, true)` goes on to work
    path: str = "",
) -> object:
    value = None if isinstance(value, Undefined) else value
    if isinstance(value, str) and value[:1].isspace():
        _meter(context).room(len(value))  # It is looked through for something else than white space.
    given, stood_in = with_default(value, fallback)
    if stood_in and path:
        _meter(context).defaulted[path] = None
    return given


@jinja2.pass_context
def _fallback(context: Context, value: object, fallback: object, path: str) -> object:
    """Let the template's table stand in where a tag has no default of its own."""
    return _default(context, value, fallback, path=path)


@jinja2.pass_context
def _turns(context: Context, values: object, weight: int) -> object:
    """Count the turns of a loop before the first."""
    if is_missing(values):
        return ()
    if isinstance(values, (list, tuple, str, Mapping)):
        _meter(context).loop(len(cast("Sized", values)), weight)
        return cast("object", values)
    message = f"{type(values).__name__} is no list"
    raise TypeError(message)


@jinja2.pass_context
def _gone_through(context: Context, values: object) -> object:
    """Count what is searched, or copied in part, as if it were made; an object of the host's is not asked."""
    found = values
    if isinstance(values, (list, tuple, str)):
        _meter(context).room(len(cast("Sized", values)))
    elif not is_missing(values) and not isinstance(values, (Mapping, AbstractSet)):
        message = f"{type(values).__name__} is no list"
        raise TypeError(message)
    return found


@jinja2.pass_context
def _concat(context: Context, values: list[object]) -> object:
    """Join values to one text, as ``~`` does; nothing comes of it where one is missing."""
    for value in values:
        if isinstance(value, Undefined):
            return value
    texts = [str(_present(value)) for value in values]
    _meter(context).room(sum(map(len, texts)))
    return "".join(texts)


def _present(value: object) -> Printable:
    if value is None:
        raise MissingValueError("")
    return printable(value)


# ------------------------------------------------------------------------------------------------------------
# What is printed


def _abort(_context: Context, path: str) -> str:
    raise MissingValueError(path)


def _blank(context: Context, path: str) -> str:
    _meter(context).blanked[path] = None
    return ""


def _printer(write: Write, without: Callable[[Context, str], str], *, form: str = "") -> Callable[..., str]:
    """Make the filter that prints in one kind of place, under one policy for what is missing."""

    @jinja2.pass_context
    def printed(context: Context, value: object, path: str = "") -> str:
        try:
            if type(value) is str:
                return write(value)
            if is_missing(value) or (isinstance(value, Labelled) and is_blank(value)):
                return without(context, path or (value.path if isinstance(value, _Missing) else ""))
            if isinstance(value, Block) and form:
                return _shown(context, value, form)
            if form == "html" and not isinstance(value, (int, float)) and isinstance(value, Trusted):
                return value.__html__()
            return write(printable(value))
        except BadValueError as error:
            raise BadValueError(error.reason, path) from None

    return printed


def _shown(context: Context, block: Block, form: str) -> str:
    written = block.html if form == "html" else block.text
    if written:
        _meter(context).shown[block.block_id] = None
    return written


def _sandbox() -> _Sandbox:
    sandbox = _Sandbox(
        autoescape=False,  # each tag is escaped for its own place
        cache_size=0,
        keep_trailing_newline=True,
        optimized=False,  # a folded constant is no longer what was checked
        undefined=_Missing,
    )
    sandbox.globals.clear()
    filters: dict[str, Any] = {
        name: _filter(function, takes_missing=name in SIZES) for name, function in FILTERS.items()
    }
    filters |= {"d": _default, "default": _default}
    filters |= {" fallback": _fallback, " turns": _turns, " through": _gone_through, " concat": _concat}
    writers: Mapping[str, Write] = {
        "plain": str,
        "text": escaping.text,
        "attribute": escaping.attribute,
        "url_start": escaping.url_start,
        "url_middle": escaping.url_middle,
        "style": escaping.style,
    }
    for name, write in writers.items():
        form = {"text": "html", "plain": "text"}.get(name, "")
        filters[f" {name} abort"] = _printer(write, _abort, form=form)
        filters[f" {name} blank"] = _printer(write, _blank, form=form)
    sandbox.filters = filters
    known: Mapping[str, Any] = TESTS
    sandbox.tests = {name: known[name] for name in TEST_NAMES} | {"none": is_missing}
    return sandbox


# They hold no state, and live as long as a template's code refers to its environment.
SANDBOX: Final = _sandbox()
