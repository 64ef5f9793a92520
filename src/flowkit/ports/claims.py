"""What a worker holds: due runs, the notes that it makes around its calls, and what changed before it makes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from attrs import field, frozen

from flowkit.ports.host import Maybe
from flowkit.runs.consent import Ban
from flowkit.runs.effects import Outcome
from flowkit.runs.model import Run

__all__ = ["OPEN", "Attempts", "Claim", "Fence"]


@frozen
class Claim:
    """Due runs that one worker holds for a while.

    Attributes:
        token: The claim's own random name; a write under a token that the store no longer knows is refused.
        runs: The runs, by due instant and then by age.
        stamp: As in ``Recall``.
        settled: Outcomes that a dead worker noted and did not commit, by effect key.
        doubtful: Effect keys that a dead worker had begun and noted no outcome of.
        begun: When a dead worker took the runs in whose calls those keys are, by effect key, in microseconds of the
            engine's clock: its calls were made then, as far as the rules are concerned.
        deaths: How many workers died over this claim without an effect begun.
        fresh: Whether the runs come from the queue, and are no lapsed claim of another worker.
        partial: Whether more may be due though fewer runs were given than were asked for, as where a store takes all
            runs of a claim from one of its partitions.
    """

    token: str
    runs: Sequence[Run]
    stamp: int
    settled: Mapping[str, Outcome] = field(factory=dict[str, Outcome])
    doubtful: Mapping[str, int] = field(factory=dict[str, int])
    begun: Mapping[str, int] = field(factory=dict[str, int])
    deaths: int = 0
    fresh: bool = True
    partial: bool = False


class Attempts(Protocol):
    """The notes that a worker makes around each call that must not be repeated unknown; they survive its death."""

    def begin(self, key: str, *, durable: bool = False) -> Maybe[None]:
        """Note that the call for this key begins.

        Args:
            key: The effect's key.
            durable: Whether the note must survive the loss of power as well, as a commit does.
        """
        ...

    def settle(self, key: str, outcome: Outcome) -> Maybe[None]:
        """Note how it ended; the note may wait for the next one, or for ``flush``."""
        ...

    def flush(self) -> Maybe[None]:
        """Make sure that every note is kept."""
        ...


@frozen
class Fence:
    """What has changed about runs since they were read, so that their messages must not go out as they are.

    Attributes:
        moved: The handles of the runs that others have written to.
        banned: What is forbidden, by subscriber; who is not suppressed is left out.
    """

    moved: frozenset[int]
    banned: Mapping[str, Sequence[Ban]]


OPEN: Final = Fence(frozenset(), {})
"""Nothing has changed, and nothing is forbidden."""
