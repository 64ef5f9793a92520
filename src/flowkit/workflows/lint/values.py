"""Whether there is a value that passes tests: no is said only where it is proven.

Where a value must equal one of a few, each of them is tried, in every shape in which it is the same to Python. Else the
kinds of values are gone through, and for numbers and texts the bounds are laid upon each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from decimal import Decimal
from enum import Enum
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.conditions import (
    After,
    Anniversary,
    Before,
    Compares,
    Contains,
    Empty,
    Ends,
    Equals,
    Exists,
    HasAll,
    HasAny,
    Matches,
    OneOf,
    Order,
    Starts,
    Within,
)
from flowkit.conditions.matching import at_least, equal, is_number, timeline
from flowkit.documents import is_list
from flowkit.workflows.lint.atoms import Atom, Floor, Single, Values

__all__ = ["is_possible"]

_MOST_TRIED: Final = 1_000
_MOST_COUNTED: Final = 64
_EXACT: Final = 2**53
_FULL_SHARE: Final = 100
_Number: TypeAlias = int | float
_LOWS: Final = frozenset({Order.GT, Order.GTE})
_OPPOSITE: Final = {Order.GT: Order.LTE, Order.GTE: Order.LT, Order.LT: Order.GTE, Order.LTE: Order.GT}


@frozen
class _Same:
    """Something that equals a value that is neither number nor text; more is not known of it."""

    value: object


class _Kind(Enum):
    NUMBER = 1
    TEXT = 2
    LIST = 3
    OBJECT = 4
    OTHER = 5


_ALL: Final = frozenset(_Kind)
_NUMBERS: Final = frozenset({_Kind.NUMBER})
_TEXTS: Final = frozenset({_Kind.TEXT})
_LISTS: Final = frozenset({_Kind.LIST})
_SIZED: Final = frozenset({_Kind.TEXT, _Kind.LIST, _Kind.OBJECT})
_DATES: Final = frozenset({_Kind.NUMBER, _Kind.TEXT, _Kind.OTHER})


def is_possible(values: Values, atoms: Sequence[Atom]) -> bool:
    """Whether some value may pass all tests on it.

    Args:
        values: What it can be at all.
        atoms: The tests, all on one value.
    """
    if _contrary(atoms):
        return False
    pinned = next((found for atom in atoms if (found := _pinned(atom)) is not None), None)
    if pinned is not None and len(pinned) * len(atoms) <= _MOST_TRIED:
        return any(_passes(shape, atoms) for value in pinned for shape in _shapes(value) if _can_be(values, shape))
    if _can_be(values, None) and _passes(None, atoms):
        return True
    match values:
        case Values.NOTHING:
            return False
        case Values.COUNT | Values.LENGTH | Values.SHARE:
            return _number_passes(values, atoms)
        case Values.ANY:
            return any(_passes(flag, atoms) for flag in (False, True)) or any(
                _kind_passes(kind, atoms) for kind in _Kind
            )


def _contrary(atoms: Iterable[Atom]) -> bool:
    """Whether one and the same test is to hold and to fail. Equal is not enough: 1 is no True to a date."""
    wanted: dict[tuple[str, bool], bool] = {}
    return any(wanted.setdefault((repr(atom.test), atom.ci), atom.holds) is not atom.holds for atom in atoms)


def _pinned(atom: Atom) -> tuple[object, ...] | None:
    """Name the values one of which a value must equal; None where a test leaves that open."""
    match atom.test:
        case Equals(value):
            values = (value,)
        case OneOf(several):
            values = tuple(value for value in several if value is not None)
        case _:
            return None
    # In any case a text may be written in many ways.
    folds = atom.ci and any(isinstance(value, str) or is_list(value) for value in values)
    return values if atom.holds and not folds else None


def _shapes(value: object) -> Iterator[object]:
    """Give all that equals a value, up to what no test can tell apart."""
    match value:
        case None | str():
            yield value
        case int() | float():
            if value != value:  # noqa: PLR0124 - NaN, which equals nothing
                return
            # A number that order does not take for one; a flag is no other to any test.
            yield Decimal(value)
            if isinstance(value, float):
                yield value
                if value.is_integer():
                    yield int(value)
            else:
                yield int(value)
                as_float = _as_float(value)
                if as_float == value:
                    yield as_float
        case _:
            yield _Same(value)


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _can_be(values: Values, value: object) -> bool:
    match values:
        case Values.ANY:
            return True
        case Values.NOTHING:
            return value is None
        case Values.COUNT:
            return _is_count(value)
        case Values.LENGTH:
            return value is None or _is_count(value)
        case Values.SHARE:
            return value is None or _in_share(value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _in_share(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _FULL_SHARE


# ------------------------------------------------------------------------------------------------------------
# One value


def _passes(value: object, atoms: Iterable[Atom]) -> bool:
    """Whether a value may pass all tests."""
    return all(_judged(atom, value) in {None, atom.holds} for atom in atoms)


def _judged(atom: Atom, value: object) -> bool | None:
    """Hold a value against a test; None where that depends on more than is known."""
    test = atom.test
    if isinstance(value, _Same):
        return _judged_same(test, value.value, ci=atom.ci)
    match test:
        case Floor(minimum):
            return at_least(value, minimum)
        case Before() | After() | Within() | Anniversary():
            return False if value is None or isinstance(value, bool) or value == "" else None
        case _:
            return timeline(test, value, UTC, 0, ci=atom.ci).holds


def _judged_same(test: object, value: object, *, ci: bool) -> bool | None:
    match test:
        case Exists():
            return True
        case Equals(wanted) if not ci:
            return equal(value, wanted)
        case OneOf(several) if not ci:
            return any(equal(value, wanted) for wanted in several)
        case _:
            return None


# ------------------------------------------------------------------------------------------------------------
# Kinds of values


def _kind_passes(kind: _Kind, atoms: Sequence[Atom]) -> bool:
    """Whether some value of a kind may pass all tests."""
    if not all(_fits(atom, kind) for atom in atoms):
        return False
    match kind:
        case _Kind.NUMBER:
            return _number_passes(Values.ANY, atoms)
        case _Kind.TEXT:
            return _text_passes(atoms)
        case _Kind.LIST:
            return _list_passes(atoms)
        case _Kind.OBJECT | _Kind.OTHER:
            return True


def _fits(atom: Atom, kind: _Kind) -> bool:
    """Whether a value of a kind may pass a test, whatever else it is."""
    match atom.test:
        case Exists() | HasAll(()):  # Each holds for all that is not missing.
            return atom.holds
        case _:
            return not atom.holds or kind in _kinds(atom.test)


def _kinds(test: Single) -> frozenset[_Kind]:
    """Name the kinds of values that may pass a test."""
    match test:
        case Equals(value):
            return _kinds_of((value,))
        case OneOf(several):
            return _kinds_of(several)
        case Floor() | Compares(bound=int() | float()):
            return _NUMBERS
        case Compares() | Starts() | Ends() | Matches():
            return _TEXTS
        case Contains(value):
            return _LISTS | _TEXTS if isinstance(value, str) else _LISTS
        case Empty():
            return _SIZED
        case HasAny() | HasAll():
            return _LISTS
        case Before() | After() | Within() | Anniversary():
            return _DATES
        case _:
            return _ALL


def _kinds_of(values: Iterable[object]) -> frozenset[_Kind]:
    """Name the kinds of what may equal one of these, in any case; only texts are told from the rest."""
    texts = {isinstance(value, str) for value in values}
    return frozenset(kind for kind in _Kind if (kind is _Kind.TEXT) in texts)


# ------------------------------------------------------------------------------------------------------------
# Numbers


def _number_passes(values: Values, atoms: Sequence[Atom]) -> bool:
    """Whether some number may pass; a NaN passes whatever forbids bounds, so without a bound to keep all is open."""
    kept = [bound for atom in atoms if atom.holds and (bound := _number_bound(atom)) is not None]
    if values is Values.ANY and not kept:
        return True
    denied = [(_OPPOSITE[bound[0]], bound[1]) for atom in atoms if not atom.holds and (bound := _number_bound(atom))]
    if any(limit != limit for _, limit in kept):  # noqa: PLR0124 - NaN
        return False
    bounds = kept + [bound for bound in denied if bound[1] == bound[1]]
    if values is not Values.ANY:
        bounds.append((Order.GTE, 0))
    if values is Values.SHARE:
        bounds.append((Order.LT, _FULL_SHARE))
    low = max((bound for order, bound in bounds if order in _LOWS), default=-math.inf)
    high = min((bound for order, bound in bounds if order not in _LOWS), default=math.inf)
    if low > high:
        return False
    if low == high:
        return any(_passes(shape, atoms) for shape in _shapes(low) if is_number(shape) and _can_be(values, shape))
    if values in {Values.COUNT, Values.LENGTH} and high < _EXACT and high - low <= _MOST_COUNTED:
        whole = range(math.ceil(low), math.floor(high) + 1)
        return any(_passes(number, atoms) for number in whole)
    return True


def _number_bound(atom: Atom) -> tuple[Order, _Number] | None:
    match atom.test:
        case Floor(minimum):
            return Order.GTE, minimum
        case Compares(order, bound) if not isinstance(bound, str):
            return order, bound
        case _:
            return None


# ------------------------------------------------------------------------------------------------------------
# Texts


def _text_passes(atoms: Sequence[Atom]) -> bool:
    plain = [atom for atom in atoms if not atom.ci]
    low, above, high, below = _text_bounds(plain)
    if high is not None and (low > high or (low == high and (above or below))):
        return False
    if high is not None and low == high:
        return _passes(low, atoms)
    return _affixes_fit(plain)


def _text_bounds(atoms: Iterable[Atom]) -> tuple[str, bool, str | None, bool]:
    """Lay the bounds of texts upon each other; the empty text is the lowest."""
    low, above, high, below = "", False, None, False
    for atom in atoms:
        match atom.test:
            case Compares(order, str() as bound):
                order = order if atom.holds else _OPPOSITE[order]
            case _:
                continue
        if order in _LOWS:
            low, above = max((low, above), (bound, order is Order.GT))
        elif high is None or bound < high:
            high, below = bound, order is Order.LT
        elif bound == high:
            below = below or order is Order.LT
    return low, above, high, below


def _affixes_fit(atoms: Sequence[Atom]) -> bool:
    """Whether what texts begin with, end with and hold goes together."""
    starts = sorted((atom.test.text for atom in atoms if atom.holds and isinstance(atom.test, Starts)), key=len)
    ends = sorted((atom.test.text for atom in atoms if atom.holds and isinstance(atom.test, Ends)), key=len)
    if any(not starts[-1].startswith(one) for one in starts) or any(not ends[-1].endswith(one) for one in ends):
        return False
    inside = [*starts, *ends]
    for atom in atoms:
        match atom.test:
            case Contains(str() as text) if atom.holds:
                inside.append(text)
            case _:
                continue
    for atom in atoms:
        match atom.test:
            case Contains(str() as text) if not atom.holds and any(text in one for one in inside):
                return False
            case Starts(text) if not atom.holds and (not text or any(one.startswith(text) for one in starts)):
                return False
            case Ends(text) if not atom.holds and (not text or any(one.endswith(text) for one in ends)):
                return False
            case _:
                continue
    return True


# ------------------------------------------------------------------------------------------------------------
# Lists


def _list_passes(atoms: Iterable[Atom]) -> bool:
    """Whether the members that a list must have, and must not have, go together."""
    wanted: list[object] = []
    choices: list[tuple[object, ...]] = []
    denied: list[object] = []
    for atom in atoms:
        match atom.test:
            case _ if atom.ci:
                continue
            case Contains(value):
                (wanted if atom.holds else denied).append(value)
            case HasAll(several) if atom.holds:
                wanted += several
            case HasAny(several) if atom.holds:
                choices.append(several)
            case HasAny(several):
                denied += several
            case _:
                continue
    if any(_is_denied(one, denied) for one in wanted):
        return False
    return all(any(not _is_denied(one, denied) for one in choice) for choice in choices)


def _is_denied(value: object, denied: Iterable[object]) -> bool:
    return any(equal(value, one) for one in denied)
