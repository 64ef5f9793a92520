"""What a run has open beside its place: detached actions, each with its own due instant.

Instants are in microseconds. Runs that stand alike share a state, and with it these instants: what is decided for them
holds at the instant at which it is decided, and at no other.
"""

from __future__ import annotations

from bisect import insort
from typing import TypeAlias

from attrs import evolve, field, frozen

from flowkit.runs.effects import Effect, Outcome, Result

__all__ = ["Beside", "Failure", "reopened"]

Failure: TypeAlias = tuple[Effect, Result, str]
"""A detached action that failed for good: its effect, how it ended, and why."""


@frozen(cache_hash=True)
class Beside:
    """The detached actions of a run that are not settled, and those that failed.

    Attributes:
        open: The effects with their due instants, the earliest first; of one instant, the one that was opened first.
        due: When the run wants to go on from its place; None where it does not.
        failed: What failed for good; it is kept so that it can be requeued.
    """

    open: tuple[tuple[Effect, int], ...] = ()
    due: int | None = None
    failed: tuple[Failure, ...] = field(default=(), kw_only=True)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects that are open, in the order in which they are due."""
        return tuple(effect for effect, _ in self.open)

    @property
    def first(self) -> Effect | None:
        """The effect that is to be carried out next; None where the place is due before all of them."""
        if not self.open:
            return None
        effect, due = self.open[0]
        return effect if self.due is None or due <= self.due else None

    @property
    def earliest(self) -> int | None:
        """When anything is to be done: at the place, or beside it; None for never."""
        dues = [due for _, due in self.open[:1]]
        return min(dues if self.due is None else [self.due, *dues], default=None)

    @property
    def keeps_inputs(self) -> bool:
        """Whether the inputs of an effect are kept: it is to be tried again under the same key, or may be."""
        return any(effect.attempt for effect, _ in self.open) or any(
            result is Result.UNKNOWN or result is Result.RETRY for _, result, _ in self.failed
        )

    def opened(self, effect: Effect, due: int) -> Beside:
        """Open an effect."""
        some = list(self.open)
        insort(some, (effect, due), key=lambda one: one[1])
        return evolve(self, open=tuple(some))

    def closed(self, effect: Effect) -> Beside:
        """Take an effect out."""
        return evolve(self, open=tuple(one for one in self.open if one[0] != effect))

    def given_up(self, effect: Effect, outcome: Outcome) -> Beside:
        """Take an effect out that failed for good, and keep that it did."""
        why = outcome.reason or outcome.result.value
        return evolve(self.closed(effect), failed=(*self.failed, (effect, outcome.result, why)))


def reopened(beside: Beside, now: int, anew: tuple[bool, ...]) -> Beside:
    """Open again what failed, due at once, as if for the first time.

    Args:
        beside: What the run has beside its place.
        now: The engine's instant.
        anew: For each that failed, in order, whether it gets a new key; those that are not named keep theirs.
    """
    keys = (*anew, *[False] * len(beside.failed))
    found = evolve(beside, failed=())
    for (effect, _, _), is_new in zip(beside.failed, keys, strict=False):
        found = found.opened(evolve(effect, attempt=0, generation=effect.generation + is_new), now)
    return found
