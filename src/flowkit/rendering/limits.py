"""What one rendering may use up, and the meter that counts it."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Final

from attrs import frozen

__all__ = ["DEFAULT_LIMITS", "LimitExceededError", "Meter", "RenderLimits"]

_LONG: Final = 256


@frozen(kw_only=True)
class RenderLimits:
    """The bounds of a template and of one rendering of it; none of them is a time.

    Attributes:
        source: Characters of a part's source.
        depth: How deep blocks may be nested.
        turns: Turns of all loops together.
        work: Nodes of loop bodies that are carried out in all turns together.
        value: Characters of one value that a filter or ``~`` makes.
        made: Characters of all such values together.
        output: Characters of a part.
    """

    source: int = 1_000_000
    depth: int = 50
    turns: int = 100_000
    work: int = 5_000_000
    value: int = 1_000_000
    made: int = 10_000_000
    output: int = 1_000_000


DEFAULT_LIMITS: Final = RenderLimits()


class LimitExceededError(Exception):
    """A rendering would use up more than it may.

    Attributes:
        what: Which of the limits, by its name.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class Meter:
    """Counts down what one rendering uses, and notes what was missing.

    Attributes:
        limits: The bounds.
        zone: The reader's time zone, for instants that are printed by ``date``.
        defaulted: The paths for which a default or a fallback stood in, in the order of their first use.
        blanked: The paths that were missing and of which nothing was printed, in order.
        shown: The ids of blocks that were printed, in order.
    """

    __slots__ = ("_made", "_turns", "_work", "blanked", "defaulted", "limits", "shown", "zone")

    def __init__(self, limits: RenderLimits, zone: tzinfo = UTC) -> None:
        self.limits = limits
        self.zone = zone
        self.defaulted: dict[str, None] = {}
        self.blanked: dict[str, None] = {}
        self.shown: dict[str, None] = {}
        self._turns = limits.turns
        self._work = limits.work
        self._made = limits.made

    def loop(self, turns: int, weight: int) -> None:
        """Count the turns of a loop that begins, and the nodes in its body.

        Raises:
            LimitExceededError: There are too many.
        """
        self._turns -= turns
        self._work -= turns * weight
        if self._turns < 0:
            raise LimitExceededError("turns")
        if self._work < 0:
            raise LimitExceededError("work")

    def room(self, characters: int) -> None:
        """Make room for a value before it is made; short ones are for nothing.

        Raises:
            LimitExceededError: It would be too long, or all of them together.
        """
        if characters < _LONG:
            return
        if characters > self.limits.value:
            raise LimitExceededError("value")
        self._made -= characters
        if self._made < 0:
            raise LimitExceededError("made")
