"""Many alternatives of triggers, tested all at once: each is one bit of a long integer.

For every property that is asked for, a value rules out those who ask for another one: that is a mask, looked up by the
value. A number rules out those who ask for more. What no mask rules out has matched, or has the rest of it asked. So an
event costs a step for each property and for each number, however many hang here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from attrs import define, field

from flowkit.conditions import Asked
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.guards import AtLeast, Formula, Has
from flowkit.triggers.verify import Holds, Numbers, Read, together

__all__ = ["LARGEST", "UNHASHABLE", "Crowd"]

LARGEST: Final = 4096
"""How many a crowd takes: what a bit more costs grows with them."""

UNHASHABLE: Final = (list, dict, set, bytearray)
"""What has no hash, and equals none of the plain values."""

# What it takes to put one in grows with the steps, and so does what they take of memory.
_MOST_STEPS: Final = 256

_Row: TypeAlias = tuple[str, Callable[[Any, int], int], int]
_MetricRow: TypeAlias = tuple[str, list[float], list[float], list[int]]


@define(eq=False)
class _Column:
    """One property: whom each of its values rules out, by a bit for each.

    Attributes:
        asking: Those who ask for it. A value that nobody asks for rules all of them out.
        out: Whom a value rules out that somebody asks for; None stands for a missing one.
    """

    asking: int = 0
    out: dict[object, int] = field(factory=dict[object, int])

    def put(self, value: object, mask: int) -> None:
        mine = self.out.get(value, self.asking)
        for other, ruled in self.out.items():
            self.out[other] = ruled | mask
        self.out[value] = mine
        self.asking |= mask

    def take(self, value: object, mask: int) -> None:
        for other, ruled in self.out.items():
            self.out[other] = ruled & ~mask
        self.asking &= ~mask
        if self.out[value] == self.asking:
            del self.out[value]


@define(eq=False)
class _Steps:
    """One number: whom it rules out, by a bit for each.

    Attributes:
        minimums: What is asked for, ascending. Where there are many already, a new one stands with the next lower.
        floats: The same, each as a float where that is exact: comparing numbers of one type is faster.
        out: Whom a number rules out that reaches as many of the minimums.
    """

    minimums: list[float] = field(factory=list[float])
    floats: list[float] = field(factory=list[float])
    out: list[int] = field(factory=lambda: [0])

    def put(self, minimum: float, mask: int) -> bool:
        """Put one in; tell whether what is ruled out is all that does not reach the minimum."""
        minimums, out = self.minimums, self.out
        upto = bisect_right(minimums, minimum)
        exact = upto > 0 and minimums[upto - 1] == minimum
        if not exact and len(minimums) < _MOST_STEPS:
            minimums.insert(upto, minimum)
            self.floats.insert(upto, _as_float(minimum))
            out.insert(upto, out[upto])
            exact, upto = True, upto + 1
        for below in range(upto):
            out[below] |= mask
        return exact

    def take(self, minimum: float, mask: int) -> None:
        """Take one out, and the steps at which nobody is ruled out any more."""
        minimums, out = self.minimums, self.out
        upto = bisect_right(minimums, minimum)
        for at in reversed(range(upto)):
            out[at] &= ~mask
            if out[at] == out[at + 1]:
                del minimums[at], self.floats[at], out[at]


@define(eq=False)
class Crowd:
    """Those that are tested at once.

    Attributes:
        gates: The triggers, by bit; that of a bit that is free means nothing.
        masks: One bit each.
        taken: The bits that are taken.
        free: Those below the highest that are not.
        several: The bits of triggers that have other alternatives.
        unsure: The bits for which more has to be asked: `more`.
        more: What else has to hold, or a trigger's own condition, by bit.
    """

    gates: list[Gate] = field(factory=list[Gate])
    masks: list[int] = field(factory=list[int])
    taken: int = 0
    free: list[int] = field(factory=list[int])
    several: int = 0
    unsure: int = 0
    more: dict[int, tuple[Holds | None, Asked | None]] = field(factory=dict[int, tuple[Holds | None, Asked | None]])
    _columns: dict[tuple[bool, str], _Column] = field(factory=dict[tuple[bool, str], _Column])
    _steps: dict[str | None, _Steps] = field(factory=dict[str | None, _Steps])
    # The same, as it is walked through at an event.
    _event_rows: dict[str, _Row] = field(factory=dict[str, _Row])
    _subscriber_rows: dict[str, _Row] = field(factory=dict[str, _Row])
    _metric_rows: dict[str, _MetricRow] = field(factory=dict[str, _MetricRow])

    @property
    def full(self) -> bool:
        """Whether no more can be put in."""
        return len(self.gates) >= LARGEST and not self.free

    def put(
        self,
        gate: Gate,
        tests: Sequence[Has | AtLeast],
        rest: Sequence[Formula],
        check: Asked | None,
        *,
        several: bool = False,
    ) -> int:
        """Put one in.

        Args:
            gate: The trigger.
            tests: What is tested by bits.
            rest: What else has to hold.
            check: The trigger's own condition, where all these do not suffice.
            several: Whether the trigger has other alternatives.

        Returns:
            Its bit.
        """
        if self.free:
            bit = self.free.pop()
            self.gates[bit] = gate
        else:
            bit = len(self.gates)
            self.gates.append(gate)
            self.masks.append(1 << bit)
        mask = self.masks[bit]
        inexact = [test for test in tests if not self._put_test(test, mask)]
        # Where the condition itself is asked, nothing else needs to be.
        holds = together([*inexact, *rest]) if check is None else None
        if holds is not None or check is not None:
            self.more[bit] = (holds, check)
            self.unsure |= mask
        if several:
            self.several |= mask
        self.taken |= mask
        return bit

    def take(self, bit: int, tests: Sequence[Has | AtLeast]) -> None:
        """Take one out that was put in with these tests."""
        mask = self.masks[bit]
        self.taken &= ~mask
        self.several &= ~mask
        self.unsure &= ~mask
        self.more.pop(bit, None)
        self.free.append(bit)
        for test in tests:
            self._take_test(test, mask)

    def _put_test(self, test: Has | AtLeast, mask: int) -> bool:
        """Let bits do a test; tell whether they do all of it."""
        if isinstance(test, Has):
            column = self._columns.setdefault((test.event, test.path), _Column())
            column.put(test.value, mask)
            self._rows(test)[test.path] = (test.path, column.out.get, column.asking)
            return True
        steps = self._steps.setdefault(test.metric, _Steps())
        if test.metric is not None:
            self._metric_rows[test.metric] = (test.metric, steps.minimums, steps.floats, steps.out)
        return steps.put(test.minimum, mask)

    def _take_test(self, test: Has | AtLeast, mask: int) -> None:
        if isinstance(test, Has):
            column = self._columns[test.event, test.path]
            column.take(test.value, mask)
            if column.asking:
                self._rows(test)[test.path] = (test.path, column.out.get, column.asking)
            else:
                del self._rows(test)[test.path], self._columns[test.event, test.path]
            return
        steps = self._steps.get(test.metric)
        if steps is None:
            return  # its last step has gone: with another minimum of the same number, or there was none for it
        steps.take(test.minimum, mask)
        if not steps.minimums:
            del self._steps[test.metric]
            if test.metric is not None:
                del self._metric_rows[test.metric]

    def _rows(self, test: Has) -> dict[str, _Row]:
        return self._event_rows if test.event else self._subscriber_rows

    def find(  # noqa: C901, PLR0912 - it runs at every event: as functions, its parts cost a fifth more
        self,
        kind: str,
        event: Read,
        subscriber: Read,
        numbers: Numbers,
        found: list[Gate],
        repeated: list[Gate],
    ) -> None:
        """Add those that match: to what may be found repeatedly those that have other alternatives.

        Raises:
            TypeError: A value has no hash, and is nothing that JSON knows.
        """
        out = 0
        try:
            for path, ruled, asking in self._event_rows.values():
                out |= ruled(event(path), asking)
            for path, ruled, asking in self._subscriber_rows.values():
                out |= ruled(subscriber(path), asking)
        except TypeError:
            out = _with_care(self._event_rows, event) | _with_care(self._subscriber_rows, subscriber)
        if self._metric_rows:
            metric = numbers.facts.engagement.get
            for name, minimums, floats, ruled_out in self._metric_rows.values():
                number = metric(name, 0)
                if type(number) is int:
                    out |= ruled_out[bisect_right(minimums, number)]
                elif type(number) is float and number == number:  # noqa: PLR0124 - NaN does not equal itself
                    out |= ruled_out[bisect_right(floats, number)]
                else:
                    out |= ruled_out[bisect_right(minimums, numbers[name])]
        if (steps := self._steps.get(None)) is not None:
            out |= steps.out[bisect_right(steps.floats, numbers[None])]
        left = self.taken ^ out
        if not left:
            return
        gates, masks = self.gates, self.masks
        unsure = left & self.unsure
        if unsure:
            left ^= unsure
            while unsure:
                bit = unsure.bit_length() - 1
                unsure ^= masks[bit]
                holds, check = self.more[bit]
                if (
                    check(numbers.event, numbers.facts, numbers.moment)
                    if check is not None
                    else holds is None or holds(kind, event, subscriber, numbers)
                ):
                    left |= masks[bit]
        several = left & self.several
        if several:
            left ^= several
            while several:
                bit = several.bit_length() - 1
                several ^= masks[bit]
                repeated.append(gates[bit])
        while left:
            bit = left.bit_length() - 1
            left ^= masks[bit]
            found.append(gates[bit])


def _as_float(number: float) -> float:
    """Turn a number into a float where that is exact."""
    try:
        return float(number) if float(number) == number else number
    except OverflowError:
        return number


def _with_care(rows: dict[str, _Row], read: Read) -> int:
    """Tell whom values rule out that may have no hash."""
    out = 0
    for path, ruled, asking in rows.values():
        value = read(path)
        out |= asking if type(value) in UNHASHABLE else ruled(value, asking)
    return out
