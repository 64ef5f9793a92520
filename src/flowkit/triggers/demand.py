"""What the alternatives under one event type ask for, counted, so as to guess what leads to few of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

from attrs import define, field

from flowkit.triggers.guards import AtLeast, Has
from flowkit.triggers.tree import Posting

__all__ = ["Demand"]

_MANY: Final = 8
"""What so many ask for is tested for all of them at once."""

_WIDEST: Final = 48
"""So many properties at most, and so many numbers, are tested for all at once, whatever the event is."""

_RARE: Final = 1 / 128
"""A value that no larger a share of those ask for, who ask for the property, is worth a place of its own."""

_T = TypeVar("_T")
_Asked: TypeAlias = tuple[bool, str] | str | None
"""A property, or the metric of a number."""


def _asked(test: Has | AtLeast) -> _Asked:
    return (test.event, test.path) if isinstance(test, Has) else test.metric


@define(eq=False)
class Demand:
    """What is asked for, and by how many.

    Attributes:
        asking: How many ask for a property or for a number.
        wanting: How many want the same of a property.
        common: What many ask for.
        waiting: Those who ask for something that few ask for yet.
    """

    asking: Counter[_Asked] = field(factory=Counter[_Asked])
    wanting: Counter[Has] = field(factory=Counter[Has])
    common: set[_Asked] = field(factory=set[_Asked])
    waiting: dict[_Asked, dict[int, Posting]] = field(factory=dict[_Asked, dict[int, Posting]])

    def note(self, posting: Posting) -> list[Posting]:
        """Count one more; give the others that are to be arranged anew, since many ask for the same by now."""
        moved: dict[int, Posting] = {}
        for test in _tests(posting):
            key = _asked(test)
            self.asking[key] += 1
            if isinstance(test, Has):
                self.wanting[test] += 1
            if key in self.common:
                continue
            if self.asking[key] < _MANY:
                self.waiting.setdefault(key, {})[id(posting)] = posting
            elif self._has_room(test):
                self.common.add(key)
                moved |= self.waiting.pop(key, {})
        moved.pop(id(posting), None)
        return list(moved.values())

    def forget(self, posting: Posting) -> None:
        """Count one off."""
        for test in _tests(posting):
            key = _asked(test)
            if isinstance(test, Has):
                _less(self.wanting, test)
            _less(self.asking, key)
            if key in self.waiting:
                self.waiting[key].pop(id(posting), None)
                if not self.waiting[key]:
                    del self.waiting[key]
            if key not in self.asking:
                self.common.discard(key)

    def arrange(self, posting: Posting, reach: Callable[[AtLeast], float]) -> None:
        """Say under what a posting hangs, and what of it is tested for all at once.

        It hangs under properties that few ask for, and under values that are rare: those lead to few.

        Args:
            posting: One that hangs nowhere now.
            reach: Guesses how often a minimum is reached.
        """
        shares = {test: self._share(test) for test in posting.has}
        posting.has = sorted(posting.has, key=shares.__getitem__)
        posting.under = sum(share <= _RARE for share in shares.values())
        posting.floors = sorted(posting.floors, key=reach)
        posting.common = [test for test in _tests(posting)[posting.under :] if _asked(test) in self.common]

    def _has_room(self, test: Has | AtLeast) -> bool:
        alike = [key for key in self.common if isinstance(key, tuple) is isinstance(test, Has)]
        return len(alike) < _WIDEST

    def _share(self, test: Has) -> float:
        """Guess how often a property has a value: as often as it is asked for it."""
        key = _asked(test)
        return self.wanting[test] / self.asking[key] if key in self.common else 0


def _tests(posting: Posting) -> list[Has | AtLeast]:
    return [*posting.has, *posting.floors]


def _less(counter: Counter[_T], key: _T) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
