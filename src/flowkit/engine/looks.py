"""Looking at subscribers though no event came: their profile was changed, or an instant has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from flowkit.engine.catalogue import Catalogue, Wants
from flowkit.engine.desk import Desk, Knock
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import Ingested, run_errand
from flowkit.engine.visits import look
from flowkit.errors import ConflictError
from flowkit.ports import Store
from flowkit.runs.model import kind_text

__all__ = ["look_at_changed", "look_at_due"]

PROFILE_CHANGED: Final = "flowkit.profile_changed"
TIME_CAME: Final = "flowkit.time_came"


@frozen
class _Look:
    """The errand of looking at subscribers.

    Attributes:
        causes: What the looks at each subscriber are derived from; none where it is the state of the ledger.
        kind: What stands for the type of an event.
        now: The engine's instant in microseconds.
        changed: Whether profiles were changed.
    """

    causes: Mapping[str, Sequence[str]]
    kind: str
    now: int
    changed: bool

    @property
    def asked(self) -> Mapping[str, Sequence[str]]:
        return self.causes

    def wants(self, catalogue: Catalogue) -> Wants:
        return catalogue.wants_of_look(changed=self.changed)

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        return subscriber_ids

    def visit(self, desk: Desk) -> None:
        origin = kind_text(self.kind, self.now)
        for cause in self.causes[desk.subscriber_id] or ("",):
            look(desk, Knock(cause, origin, self.kind), changed=self.changed, once=bool(cause))


async def look_at_changed(parts: Parts, store: Store, causes: Mapping[str, Sequence[str]], now: int) -> Ingested:
    """Look at subscribers whose profile, segments or engagement were changed.

    Args:
        parts: The ports.
        store: The store, or a transaction of the host's in it.
        causes: By subscriber id, the keys under which changes were made, each of which counts once; empty for none.
        now: The engine's instant in microseconds.

    Raises:
        ConflictError: Some subscribers were changed by others at every attempt; all others were looked at.
    """
    if not causes:
        return Ingested()
    return await run_errand(parts, store, _Look(causes, PROFILE_CHANGED, now, changed=True), now)


async def look_at_due(parts: Parts, due: Sequence[str], now: int) -> tuple[int, Ingested, Exception | None]:
    """Look at subscribers for whom an instant has come at which a condition may have changed by itself.

    Where that fails it is tried with half of them, until those are alone over whom it fails.

    Returns:
        How many were looked at, what it came to, and the first error.
    """
    try:
        done = await run_errand(parts, parts.store, _Look(dict.fromkeys(due, ()), TIME_CAME, now, changed=False), now)
    except ConflictError:
        # Somebody else looks at the same subscribers now; what is left of them is found again.
        return 0, Ingested(), None
    except Exception as error:  # noqa: BLE001 - raised by `advance`, after all that can be done is done
        if len(due) == 1:
            return 0, Ingested(), error
        half = len(due) // 2
        one = await look_at_due(parts, due[:half], now)
        two = await look_at_due(parts, due[half:], now)
        return one[0] + two[0], one[1] + two[1], one[2] or two[2]
    return len(due), done, None
