"""Whose turn it is under a rate limit: turns are numbered, and a number comes up at an instant.

Turn ``k`` comes up ``k`` times ``per / most`` after the origin of the limit's bucket. Who comes takes the next number
and, where that is not up yet, waits until it is; the number itself is not written down, since it follows from the
instant that was told and the origin at that time. The origin only ever moves on: where nobody took the number that is
up, and where workers were so late that what has come up would be too much at once. All that wait move with it, in their
order. A number that is below one that was used before such a move is void, and who had it takes a new one.

So the instants at which used numbers come up are ``per / most`` apart at the least, and each is used less than
``burst`` times that after it came up: in no time of length ``per`` are more than ``most + burst`` used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from attrs import define

from flowkit.runs.policy import RateLimit

__all__ = ["NO_TURNS", "Promise", "Turns", "take_turns"]

_MICROSECOND: Final = timedelta(microseconds=1)


class Turns(NamedTuple):
    """The bucket of a rate limit.

    Attributes:
        origin: When turn 0 comes up, in microseconds.
        next: The number that nobody has taken.
        used: The largest number that was used; -1 for none.
        void: The largest number that must not be used any more where it was not; -1 for none.
    """

    origin: int = 0
    next: int = 0
    used: int = -1
    void: int = -1


NO_TURNS: Final = Turns()
"""The bucket of a limit that nothing was asked of."""


class Promise(NamedTuple):
    """What was told to somebody who waits.

    Attributes:
        at: When its turn is, in microseconds.
        origin: The origin at that time.
    """

    at: int
    origin: int


def take_turns(
    limit: RateLimit, turns: Turns, asked: Sequence[Promise | None], now: int
) -> tuple[Turns, list[Promise | None]]:
    """Let some take their turns: first those who have numbers, by these, and then those who come anew, as they come.

    Args:
        limit: The rate limit.
        turns: Its bucket.
        asked: What was told to each before; None for one who comes anew.
        now: The engine's instant, in microseconds.

    Returns:
        The bucket after that; and for each None where it is its turn, else when that is.
    """
    bucket = _Bucket(limit, turns, now)
    numbers = [bucket.number(promise) for promise in asked]
    # By their numbers: what was told before the turns moved on is in no order with what was told after.
    order = sorted(range(len(asked)), key=lambda place: (numbers[place] is None, numbers[place] or 0))
    told = {place: bucket.take(numbers[place]) for place in order}
    return bucket.turns, [told[place] for place in range(len(asked))]


@define
class _Bucket:
    limit: RateLimit
    turns: Turns
    now: int

    @property
    def _per(self) -> int:
        return self.limit.per // _MICROSECOND

    def number(self, promise: Promise | None) -> int | None:
        """Find the number that somebody has; None where it has none that is good."""
        if promise is None:
            return None
        number = (promise.at - promise.origin) * self.limit.most // self._per
        return number if self.turns.void < number < self.turns.next else None

    def take(self, number: int | None) -> Promise | None:
        """Use a number, or the next one, if it is up; else tell when it is."""
        if number is not None and number < self.turns.used and self._too_late(number):
            number = None
        if number is None:
            number = self.turns.next
            self.turns = self.turns._replace(next=number + 1)
            if self._up(number) < self.now:
                self._move_on(number)
        elif self._too_late(number):
            self._move_on(number)
        at = self._up(number)
        if at > self.now:
            return Promise(at, self.turns.origin)
        self.turns = self.turns._replace(used=max(self.turns.used, number))
        return None

    def _up(self, number: int) -> int:
        # Rounded up, so that the number is found again from the instant.
        return self.turns.origin - (-number * self._per // self.limit.most)

    def _too_late(self, number: int) -> bool:
        return (self.now - self._up(number)) * self.limit.most >= self.limit.burst * self._per

    def _move_on(self, number: int) -> None:
        """Let a number come up now, and all after it move on as much."""
        origin = self.turns.origin + self.now - self._up(number)
        self.turns = self.turns._replace(origin=origin, void=self.turns.used)
