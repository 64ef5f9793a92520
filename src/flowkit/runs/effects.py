"""What the state machine wants done, and what comes back: effects out, signals in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

from flowkit.events import NO_NEEDS, Event, Needs
from flowkit.hashing import content_hash

__all__ = [
    "DONE",
    "LOOKED",
    "RUN_ID_LENGTH",
    "WOKEN",
    "Deferral",
    "Effect",
    "Exited",
    "Looked",
    "Observed",
    "Outcome",
    "PauseClock",
    "Paused",
    "Requeued",
    "Result",
    "Resumed",
    "Settled",
    "Signal",
    "Started",
    "Woken",
    "effect_key",
]

_KEY_LENGTH: Final = 256
_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True).encode
RUN_ID_LENGTH: Final = 32
"""How many characters of an effect's key are the run's id."""


@frozen(cache_hash=True)
class Effect:
    """An action that the run waits to have carried out; its operation stands in the workflow.

    Attributes:
        node: The node of the action.
        visit: Which visit of the node this is, from 1.
        action: The index of the action within its node.
        action_id: The action's name.
        attempt: How many attempts have failed before, from 0.
        generation: How often it was begun anew under another key, from 0.
    """

    node: str
    visit: int
    action: int
    action_id: str
    attempt: int = 0
    generation: int = 0

    @property
    def suffix(self) -> str:
        """The effect's key without its run: ASCII without blanks, and at most 224 characters."""
        text = f":{self.node}:{self.visit}:{self.action_id}"
        # Without a colon in the action's id it is read back from the right in one way only.
        plain = text.isascii() and " " not in text and ":" not in self.action_id and not self.generation
        if plain and len(text) <= _KEY_LENGTH - RUN_ID_LENGTH:
            return text
        # A text begins with a colon, so that no other effect is called like one of a later generation.
        anew = f"{self.generation}:" if self.generation else ""
        return f":~{content_hash(f'{anew}{len(self.node)}:{text}')}"


def effect_key(run_id: str, effect: Effect) -> str:
    """Derive the key of an effect from (run, node, visit, action, generation): the same for every attempt and replay.

    Returns:
        1 to 256 ASCII characters that begin with the run's id; senders take it as their idempotency key.
    """
    return run_id + effect.suffix


class Result(StrEnum):
    """How an attempt to carry out an effect ended."""

    DONE = "done"
    """It took effect."""
    SKIPPED = "skipped"
    """It was decided not to do it; final."""
    RETRY = "retry"
    """It did not take effect and may later: a transient failure."""
    FAILED = "failed"
    """It did not take effect and never will: a permanent failure."""
    UNKNOWN = "unknown"
    """Whether it took effect cannot be found out."""
    DEFERRED = "deferred"
    """It was decided to do it later; nothing was tried. The engine alone decides so: of a port it is a ``RETRY``."""


@frozen(cache_hash=True)
class Deferral:
    """When an effect that was not tried comes due again, and what it was decided by; all instants are in microseconds.

    Attributes:
        until: When it comes due again.
        since: When it came due first.
        by: The guard, in the words of the journal.
        mark: A number that the guard keeps with the effect until then.
    """

    until: int
    since: int
    by: str
    mark: int = 0


@frozen(cache_hash=True)
class Outcome:
    """How an attempt ended, and why.

    Attributes:
        result: The kind of ending.
        reason: A short word or sentence for the journal; empty where there is nothing to say.
        retry_after: The least time to the next attempt that the receiver asked for; only with ``Result.RETRY``.
        reference: The receiver's own id of what was done.
        output: What came back, as JSON text; variables of the run are set from it where the action asks for that.
            None where nothing came back, or nothing that could be read.
        deferral: Until when it waits, with ``Result.DEFERRED``; with ``Result.RETRY`` only since when counts.
        told: What else the journal says, by name.
    """

    result: Result
    reason: str = ""
    retry_after: timedelta | None = field(default=None, kw_only=True)
    reference: str | None = field(default=None, kw_only=True)
    output: str | None = field(default=None, kw_only=True)
    deferral: Deferral | None = field(default=None, kw_only=True)
    told: tuple[tuple[str, object], ...] = field(default=(), kw_only=True)

    @classmethod
    def giving(cls, values: Mapping[str, object]) -> Outcome:
        """Give the outcome of what took effect and came to some values, which become variables of the run.

        Raises:
            TypeError: One of them is nothing that JSON can hold.
            ValueError: One of them holds itself, or a number that JSON has no word for.
        """
        return cls(Result.DONE, output=_encode(dict(values)))


DONE: Final = Outcome(Result.DONE)
"""The outcome of an effect that took effect and has nothing more to say."""


@frozen
class Started:
    """The run begins at the workflow's entry node."""


@frozen
class Woken:
    """The instant that the run waited for has come.

    Attributes:
        called: Whether a worker that died may have done what the run is woken for: that is settled first, and only then
            is asked whether a goal is reached, or the run is to exit.
    """

    called: bool = False


@frozen
class Observed:
    """An event of the subscriber came while the run is alive.

    Attributes:
        event: The event.
        hops: By how many actions of runs it came about; 0 for what a host ingests.
    """

    event: Event
    hops: int = 0


@frozen
class Looked:
    """The subscriber is looked at while the run is alive: its profile was changed, or something happened.

    Attributes:
        event: An event that is none of the run's business, and may have changed what conditions say; None for none.
    """

    event: Event | None = None


@frozen
class Settled:
    """An effect was carried out, or was not.

    Attributes:
        effect: Which one.
        outcome: How it ended.
        at: When the attempt was made, in microseconds, where that was before now; None for now.
    """

    effect: Effect
    outcome: Outcome
    at: int | None = None


@frozen
class Requeued:
    """A run that failed is to go on where it did.

    Attributes:
        anew: Whether its effect gets a new key: what was done, or may have been done, under the old one is done again.
        beside: The same for each of its detached actions that failed, in order.
    """

    anew: bool
    beside: tuple[bool, ...] = ()


class PauseClock(StrEnum):
    """What becomes of the instants that a run waits for while it is paused."""

    FREEZE = "freeze"
    """They are moved on by the length of the pause."""
    RUN = "run"
    """They stay: what came due meanwhile is due when the run is resumed."""


@frozen
class Paused:
    """The run is to stand still: nothing of it is due until it is resumed.

    Attributes:
        since: From when on, in microseconds.
        clock: What becomes of the instants that it waits for.
        own: Whether it is paused by itself, and not together with all runs of its workflow.
    """

    since: int
    clock: PauseClock = PauseClock.FREEZE
    own: bool = False


@frozen
class Resumed:
    """The run is to go on where it was paused.

    Attributes:
        at: When the pause ends, in microseconds.
    """

    at: int


@frozen
class Exited:
    """The run is to end, wherever it stands: what it waits for is dropped.

    Attributes:
        reason: Why.
    """

    reason: str


Signal: TypeAlias = Started | Woken | Observed | Looked | Settled | Requeued | Paused | Resumed | Exited
"""Everything that can move a run."""

WOKEN: Final = Woken()
LOOKED: Final = Looked()


@frozen
class Asks:
    """The state machine cannot go on without these facts; it is asked again with them."""

    needs: Needs = NO_NEEDS
