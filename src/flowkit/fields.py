"""One object of a document, read field by field.

Reading does not stop at a mistake: what is wrong is noted with its place, and a stand-in of the right type is
given, so that one pass finds everything. Nothing is coerced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from math import inf
from typing import Final, TypeAlias, TypeGuard, TypeVar

from attrs import field, frozen

from flowkit.documents import Limits, is_list, is_object
from flowkit.errors import DocumentError, Problem
from flowkit.events import id_problem
from flowkit.problems import Problems, likely, pointer, short, suggestion

__all__ = ["Fields", "instant_text"]

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)
_E = TypeVar("_E", bound=StrEnum)
_Test: TypeAlias = Callable[[object], TypeGuard[_T]]

_ABSENT: Final = object()
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1
# A gate: `fromisoformat` alone takes dates without a time, and any letter for the T.
_INSTANT: Final = re.compile(r"[0-9]{4}[0-9W-]{3,6}[T ][0-9:]{2,8}([.,][0-9]{1,12})?(Z|[+-][0-9:]{2,8})?", re.ASCII)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_flag(value: object) -> TypeGuard[bool]:
    return isinstance(value, bool)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@frozen
class Fields:
    """A cursor over one object of a document that `documents.read` or `documents.check` has let through.

    A field without a default is required. JSON null is a value like others, and of no type that is asked for;
    where a field may be null, `null` is asked first.

    Attributes:
        values: The object.
        path: Its JSON Pointer.
        problems: Where what is wrong is noted.
        limits: How much is read.
    """

    values: Mapping[str, object]
    path: str
    problems: Problems = field(kw_only=True)
    limits: Limits = field(kw_only=True)
    _asked: set[str] = field(factory=set[str], init=False, repr=False)

    @classmethod
    def of(cls, value: object, path: str, *, problems: Problems, limits: Limits) -> Fields:
        """Open a value as an object. Where it is none that is noted, and what would follow from it is not."""
        if is_object(value):
            return cls(value, path, problems=problems, limits=limits)
        problems.add("wrong_type", path, f"must be an object, not {short(value)}")
        return cls({}, path, problems=Problems(), limits=limits)

    def open(self, value: object, path: str) -> Fields:
        """Open another value of the same document as an object."""
        return Fields.of(value, path, problems=self.problems, limits=self.limits)

    def at(self, name: str) -> str:
        """Point to a field."""
        return pointer(self.path, name)

    def wrong(self, name: str, code: str, message: str) -> None:
        """Note that a field is wrong."""
        self.problems.add(code, self.at(name), message)

    def has(self, name: str) -> bool:
        """Tell whether an optional field is there, null included."""
        self._asked.add(name)
        return name in self.values

    def null(self, name: str) -> bool:
        """Tell whether a field that may be null is so, or absent."""
        self._asked.add(name)
        return self.values.get(name) is None

    def any(self, name: str, default: object = _ABSENT) -> object:
        """Read any JSON value."""
        self._asked.add(name)
        value = self.values.get(name, default)
        if value is _ABSENT:
            near = likely((other for other in self.values if other not in self._asked), (name,))
            self.wrong(
                name, "missing_field", "is required" if near is None else f"is required; is {short(near)} meant?"
            )
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """Read text."""
        return self._typed(name, default, "", test=_is_text, kind="text")

    def id(self, name: str, default: str | None = None) -> str:
        """Read an id: 1 to 255 visible characters."""
        value = self.text(name, default)
        if _is_text(self.values.get(name)):
            self._judge_id(value, self.at(name))
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a boolean."""
        return self._typed(name, default, default, test=_is_flag, kind="true or false")

    def integer(self, name: str, default: int, *, low: int = _LOWEST, high: int = _HIGHEST) -> int:
        """Read an integer from `low` to `high`; 1.0 is none."""
        value = self._typed(name, default, default, test=_is_integer, kind="an integer")
        return self._bounded(name, value, default, low=low, high=high)

    def number(self, name: str, default: float | None = None, *, low: float = -inf, high: float = inf) -> float:
        """Read a number from `low` to `high`; by default any."""
        value = self._typed(name, default, 0.0, test=_is_number, kind="a number")
        return self._bounded(name, value, default or 0.0, low=low, high=high)

    def word(self, name: str, words: type[_E]) -> _E | None:
        """Read one of a few words; None where it is none of them."""
        value = self.any(name)
        if _is_text(value):
            try:
                return words(value)
            except ValueError:
                self.wrong(name, "bad_enum", f"{short(value)} is not known; {suggestion(value, words)}")
        elif value is not _ABSENT:
            self.wrong(name, "wrong_type", f"must be text, not {short(value)}")
        return None

    def instant(self, name: str) -> datetime | None:
        """Read an ISO 8601 instant, in UTC where it has no offset; None where it is absent."""
        value = self._typed(name, "", "", test=_is_text, kind="text of ISO 8601")
        if not _is_text(self.values.get(name)):
            return None
        try:
            instant = datetime.fromisoformat(value) if _INSTANT.fullmatch(value) else None
        except ValueError:
            instant = None
        if instant is None:
            self.wrong(name, "bad_instant", f"{short(value)} is no instant; write it as 2026-03-07T12:00:00Z")
            return None
        try:
            return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
        except OverflowError:
            self.wrong(name, "out_of_range", "must lie in the years 1 to 9999 of UTC")
            return None

    def child(self, name: str, default: Mapping[str, object] | None = None) -> Fields:
        """Open a field as an object."""
        value = self.any(name, _ABSENT if default is None else default)
        if value is _ABSENT:
            return Fields({}, self.at(name), problems=Problems(), limits=self.limits)
        return self.open(value, self.at(name))

    def items(self, name: str, *, most: int | None = None) -> list[tuple[object, str]]:
        """Read a list of any values, empty by default, each with its JSON Pointer."""
        value = self.any(name, [])
        if not is_list(value):
            self.wrong(name, "wrong_type", f"must be a list, not {short(value)}")
        elif most is not None and len(value) > most:
            self.wrong(name, "too_long", f"holds at most {most}, not {len(value)}")
        else:
            return [(item, pointer(self.at(name), index)) for index, item in enumerate(value)]
        return []

    def ids(self, name: str) -> tuple[str, ...]:
        """Read a list of names, each held to the rule of ids; empty by default."""
        out: list[str] = []
        for item, path in self.items(name):
            if not _is_text(item):
                self.problems.add("wrong_type", path, f"must be text, not {short(item)}")
            elif self._judge_id(item, path):
                out.append(item)
        return tuple(out)

    def names(self) -> tuple[str, ...]:
        """Name the fields of an object whose names are the author's choice; each is held to the rule of ids."""
        for name in self.values:
            self._judge_id(name, self.at(name))
        return tuple(self.values)

    def rest(self) -> dict[str, object]:
        """Give the fields that nobody has asked for."""
        return {name: value for name, value in self.values.items() if name not in self._asked}

    def close(self) -> None:
        """Refuse the fields that nobody has asked for."""
        for name in self.rest():
            self.wrong(name, "unknown_field", f"is not known; {suggestion(name, sorted(self._asked))}")

    def _typed(self, name: str, default: _T | None, stand_in: _T, *, test: _Test[_T], kind: str) -> _T:
        value = self.any(name, _ABSENT if default is None else default)
        if test(value):
            return value
        if value is not _ABSENT:
            self.wrong(name, "wrong_type", f"must be {kind}, not {short(value)}")
        return stand_in if default is None else default

    def _bounded(self, name: str, value: _N, stand_in: _N, *, low: float, high: float) -> _N:
        if low <= value <= high:
            return value
        self.wrong(name, "out_of_range", f"must be from {low} to {high}, not {short(value)}")
        return stand_in

    def _judge_id(self, value: str, path: str) -> bool:
        problem = id_problem(value)
        if problem is None and len(value) > self.limits.id_length:
            problem = f"must have 1 to {self.limits.id_length} characters, not {len(value)}"
        if problem is not None:
            self.problems.add("bad_id", path, problem)
        return problem is None


def instant_text(instant: datetime, path: str) -> str:
    """Write an instant, in UTC.

    Raises:
        DocumentError: It has no offset, or leaves the years 1 to 9999 in UTC.
    """
    if instant.tzinfo is None:
        raise DocumentError([Problem("naive_datetime", path, message="needs an offset: datetime.now(UTC)")])
    try:
        return instant.astimezone(UTC).isoformat()
    except OverflowError:
        message = "must lie in the years 1 to 9999 of UTC"
        raise DocumentError([Problem("out_of_range", path, message=message)]) from None
