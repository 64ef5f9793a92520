"""What becomes of a firing that is found late, after downtime."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final, TypeAlias, assert_never

from attrs import frozen

from flowkit.triggers.windows import Window, next_open

__all__ = ["Fire", "LatePolicy", "NextWindow", "Postpone", "RunLate", "Skip", "SkipLate", "Verdict", "judge"]

_ON_TIME: Final = timedelta()


@frozen
class RunLate:
    """Run it all the same.

    Attributes:
        expires_after: Up to how long after its instant; None for ever.
    """

    expires_after: timedelta | None = None


@frozen
class SkipLate:
    """Leave it out."""


@frozen
class NextWindow:
    """Run it in the next window that is open.

    Attributes:
        window: The window, in the firing's zone.
        expires_after: Up to how long after its instant; None for ever.
    """

    window: Window
    expires_after: timedelta | None = None


LatePolicy: TypeAlias = RunLate | SkipLate | NextWindow
"""What to do with a firing that is found later than may be."""


@frozen
class Fire:
    """It fires now.

    Attributes:
        late_by: How long after its instant.
    """

    late_by: timedelta


@frozen
class Skip:
    """It does not fire any more; to be counted.

    Attributes:
        reason: ``late``, or ``expired`` where a policy that runs late has an end.
        late_by: How long after its instant it was found.
    """

    reason: str
    late_by: timedelta


@frozen
class Postpone:
    """It does not fire yet; it is to be looked at again.

    Attributes:
        until: When, in UTC.
        reason: ``early``, or ``window``.
    """

    until: datetime
    reason: str


Verdict: TypeAlias = Fire | Skip | Postpone
"""What becomes of a firing."""


def judge(scheduled: datetime, now: datetime, tz: tzinfo, *, late: timedelta = _ON_TIME, policy: LatePolicy) -> Verdict:
    """Decide whether a firing fires.

    Args:
        scheduled: Its instant.
        now: The instant on the engine's clock.
        tz: The zone in which it was scheduled; windows are read in it.
        late: Up to how much later than its instant, and exactly then too, it counts as on time.
        policy: What to do when it is later than that.
    """
    late_by = now - scheduled
    if late_by < _ON_TIME:
        return Postpone(scheduled, "early")
    if late_by <= late:
        return Fire(late_by)
    match policy:
        case SkipLate():
            return Skip("late", late_by)
        case RunLate(expires_after):
            return Skip("expired", late_by) if _expired(late_by, expires_after) else Fire(late_by)
        case NextWindow(window, expires_after):
            opens = next_open(window, now, tz)
            if opens is None or _expired(opens - scheduled, expires_after):
                return Skip("expired", late_by)
            return Fire(late_by) if opens <= now else Postpone(opens, "window")
        case _:
            assert_never(policy)


def _expired(late_by: timedelta, expires_after: timedelta | None) -> bool:
    return expires_after is not None and late_by > expires_after
