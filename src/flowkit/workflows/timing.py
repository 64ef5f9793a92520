"""What a workflow says itself of when its messages go out: its quiet hours, and what becomes of those that are late."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.triggers.windows import Window

__all__ = ["Late", "Quiet", "QuietHours"]


class Quiet(StrEnum):
    """Quiet hours that are no window."""

    NEVER = "never"
    """No hour is quiet, whatever the engine's policy says for all workflows."""


QuietHours: TypeAlias = Window | Quiet
"""When nothing of a workflow goes out, instead of what the engine's policy says for all."""


@frozen
class Late:
    """What becomes of a message that a worker comes to late, as after a downtime.

    How late it is counts from the instant at which it is due, be it one to which it was deferred: so a message that has
    waited for the morning is not late in the morning.

    Attributes:
        after: From which lateness on, more than no time; one that is exactly so late still goes out.
        window: The times, by the clock of the subscriber, of which the next one is waited for; None skips the message.

    Raises:
        DocumentError: `after` is no time at all.
    """

    after: timedelta
    window: Window | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.after <= timedelta():
            raise DocumentError([Problem("out_of_range", "/after", message="must be longer than no time")])
