"""What values are to a template: which of them print, which count as missing, what is read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias, cast, runtime_checkable

from attrs import frozen

__all__ = [
    "BadValueError",
    "Block",
    "Labelled",
    "MissingValueError",
    "NotPrintableError",
    "Printable",
    "Trusted",
    "calculated",
    "is_blank",
    "printable",
    "read_step",
]

Printable: TypeAlias = str | int | float | Decimal | date
_PRINTABLE: Final = (str, int, float, Decimal, date)
_BITS: Final = 1024


class NotPrintableError(Exception):
    """A value was to be printed that is neither text, number nor date."""


class MissingValueError(Exception):
    """A value was to be printed that is not there.

    Attributes:
        path: What is missing, as the template writes it; empty where that is not known.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


class BadValueError(Exception):
    """A value is there and is not fit for its place.

    Attributes:
        reason: A stable word, such as ``bad_url``.
        path: Which value, as the template writes it; empty where that is not known.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(reason)


@runtime_checkable
class Trusted(Protocol):
    """HTML that the host vouches for; it is printed as it is where text may stand, and nowhere else."""

    def __html__(self) -> str:
        """Give the HTML."""
        ...


@frozen(repr=False)
class Block:
    """A piece of a message that was rendered before: HTML where text may stand, and text in a plain part.

    Attributes:
        block_id: Its name.
        html: What it is in HTML; empty where there is nothing to show.
        text: What it is in a plain part.
    """

    block_id: str
    html: str
    text: str

    def __repr__(self) -> str:
        # Contents are personal: neither logs nor tracebacks show them.
        return f"Block({self.block_id!r})"

    def __html__(self) -> str:
        return self.html

    def __bool__(self) -> bool:
        return bool(self.html or self.text)


class Labelled(dict[str, Any]):
    """A mapping that prints as one of its entries: a place as its city, say."""

    __slots__ = ("label",)

    def __init__(self, values: Mapping[str, Any], label: str) -> None:
        super().__init__(values)
        self.label = label


def printable(value: object) -> Printable:
    """Let a value be printed.

    Raises:
        NotPrintableError: It is neither text, number, boolean nor date.
    """
    if isinstance(value, _PRINTABLE):
        return value
    if isinstance(value, Labelled):
        return printable(value.get(value.label))
    raise NotPrintableError


def is_blank(value: object) -> bool:
    """Tell whether a value counts as missing: null, false, empty, or white space; 0 is a value."""
    if isinstance(value, str):
        return not value or value.isspace()
    if isinstance(value, Labelled):
        return is_blank(value.get(value.label))
    if isinstance(value, Block):
        return not value
    return value is None or value is False or (isinstance(value, (list, tuple, dict)) and not value)


def read_step(holder: object, key: object) -> object:
    """Read one step of a path, from mappings, lists and texts alone; None where nothing is there."""
    if isinstance(holder, Mapping):
        return cast("Mapping[object, object]", holder).get(key)
    if isinstance(holder, (str, list, tuple)) and isinstance(key, int):
        items = cast("Sequence[object]", holder)
        return items[key] if -len(items) <= key < len(items) else None
    return None


def calculated(operator: str, left: object, right: object) -> int | float | Decimal:
    """Calculate with two numbers.

    Raises:
        TypeError: One of them is no number.
        BadValueError: ``too_large``: an integer that no message needs.
        ArithmeticError: Division by zero and the like.
    """
    one: Any = _number(operator, left)
    two: Any = _number(operator, right)
    result: int | float | Decimal
    match operator:
        case "+":
            result = one + two
        case "-":
            result = one - two
        case "*":
            result = one * two
        case "/":
            result = one / two
        case "//":
            result = one // two
        case _:
            result = one % two
    return result


def _number(operator: str, value: object) -> int | float | Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        message = f"{operator} takes numbers; write ~ to join texts"
        raise TypeError(message)
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise BadValueError("too_large")
    return value
