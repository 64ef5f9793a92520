"""How somebody comes to be on the suppression list, and how one knows that nothing is sent after that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.ports import Maybe, Store
from flowkit.runs.consent import Ban

__all__ = ["Pause", "Suppressed", "suppress"]

Pause: TypeAlias = Callable[[float], Maybe[None]]
"""Lets some seconds pass, as the colour of the engine does."""
_SHORTEST: Final = 0.001
_LONGEST: Final = 0.05


@frozen
class Suppressed:
    """What came of a suppression.

    Attributes:
        subscriber_ids: Those who were not on the list before, for the same reason and scope.
        in_flight: The keys of messages that may be handed over yet, since that had begun before. Empty once it has been
            waited for. No other message goes out that the suppression stops.
    """

    subscriber_ids: Sequence[str]
    in_flight: Sequence[str]


async def suppress(
    parts: Parts, store: Store, subscriber_ids: Iterable[str], ban: Ban, now: int, pause: Pause | None
) -> Suppressed:
    """Put subscribers on the list, and wait for what is being handed over to them.

    It waits for a lease at the most: by then each window of before is settled, or its worker has lost the claim.

    Args:
        parts: The ports.
        store: The store, or the store in a host's transaction.
        subscriber_ids: Whom.
        ban: What is forbidden, and why.
        now: The engine's instant in microseconds.
        pause: How to wait; None does not.
    """
    names = list(dict.fromkeys(subscriber_ids))
    new = await resolve("store.suppress", store.suppress(names, ban, now))
    # What is opened after this look has been noted after the commit, and so finds the suppression.
    flying = await resolve("store.in_flight", store.in_flight(names))
    until, seconds = monotonic() + parts.lease.total_seconds(), _SHORTEST
    while flying and pause is not None and monotonic() < until:
        await resolve("pause", pause(seconds))
        seconds = min(seconds * 2, _LONGEST)
        still = set(await resolve("store.in_flight", store.in_flight(names)))
        flying = [key for key in flying if key in still]
    return Suppressed(tuple(new), tuple(flying))
