"""When messages may go out: quiet hours, frequency caps and rate limits, for all that an engine sends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from attrs import Factory, field, frozen

from flowkit.errors import ConfigurationError
from flowkit.events import id_problem
from flowkit.triggers.calendar import Unit
from flowkit.triggers.windows import Window
from flowkit.workflows.model import SendEmail, Workflow
from flowkit.workflows.timing import Quiet

__all__ = ["NO_POLICY", "FrequencyCap", "RateLimit", "SendPolicy"]

_NO_TIME: Final = timedelta()
_MICROSECOND: Final = timedelta(microseconds=1)
_CENTURY: Final = timedelta(days=36_525)


@frozen(kw_only=True)
class FrequencyCap:
    """How many messages of marketing one subscriber gets in a time.

    A message counts from the instant at which it is handed over. With a rolling time it counts for exactly that long:
    under ``per=timedelta(days=7)``, what went out on Monday at 10:00 makes room next Monday at 10:00.

    Attributes:
        name: Its name for ever, for the store and the journal; a cap of another name counts anew.
        most: How many, at least 1.
        per: A rolling time of up to 100 years; or a unit of the calendar: days, weeks from Monday on, months and years
            of the subscriber's zone.
        workflow_id: Whose messages it counts and holds up; None for those of all workflows together.
        channel: Which messages it counts and holds up, such as ``"email"``; None for those of all channels together.
        topic: Likewise: those about one topic; None for those about any, and about none.
        by_topic: Whether it counts the messages about each topic for themselves, so that each has as much room; those
            that name none are counted together.
        defer: How long a message that finds no room may wait for it, from when it came due first; None skips it at
            once.

    Raises:
        ConfigurationError: One of them is none of these.
    """

    name: str
    most: int
    per: timedelta | Unit
    workflow_id: str | None = None
    channel: str | None = None
    topic: str | None = None
    by_topic: bool = False
    defer: timedelta | None = None

    def __attrs_post_init__(self) -> None:
        if problem := id_problem(self.name):
            raise ConfigurationError(f"the name of a frequency cap {problem}")
        if self.most < 1:
            raise ConfigurationError(f"most of the frequency cap {self.name!r} must be at least 1, not {self.most}")
        if isinstance(self.per, timedelta) and not _NO_TIME < self.per <= _CENTURY:
            raise ConfigurationError(f"per of the frequency cap {self.name!r} must be a time of up to 100 years")
        if self.defer is not None and self.defer <= _NO_TIME:
            raise ConfigurationError(f"defer of the frequency cap {self.name!r} must be a positive time")
        if self.topic is not None and self.by_topic:
            message = (
                f"the frequency cap {self.name!r} counts one topic, so it has none to tell apart; leave out by_topic"
            )
            raise ConfigurationError(message)

    def counts(self, workflow_id: str, send: SendEmail) -> bool:
        """Whether it counts a message."""
        return (
            self.workflow_id in {None, workflow_id}
            and self.channel in {None, send.channel}
            and self.topic in {None, send.topic}
        )

    def row(self, send: SendEmail) -> str:
        """Name what is counted, for the store: a sign that no name holds parts the topic from the name."""
        return f"{self.name}\n{send.topic or ''}" if self.by_topic else self.name


@frozen(kw_only=True)
class RateLimit:
    """How many messages of marketing go out in a time to all subscribers together, evenly: one after ``per / most``.

    Each channel has turns of its own.

    What exceeds it is told when its turn is and waits until then, first come, first served. Nothing is saved up while
    nothing is sent. A worker that comes late makes up for it at once, up to ``burst`` messages; where more were due,
    the turns of all that wait move on. So in no time of that length go out more than ``most + burst``, and no more than
    ``most`` where no worker is late.

    Attributes:
        most: How many, at least 1.
        per: In which time.
        burst: How many go out at once after a worker was late, at least 1; ``most`` by default. With fewer than come
            due from one ``advance`` to the next, the limit is not reached.

    Raises:
        ConfigurationError: One of them is none of these.
    """

    most: int
    per: timedelta
    burst: int = Factory(lambda self: self.most, takes_self=True)

    def __attrs_post_init__(self) -> None:
        if self.most < 1 or self.burst < 1:
            raise ConfigurationError("most and burst of a rate limit must be at least 1")
        if not _NO_TIME < self.per <= _CENTURY:
            raise ConfigurationError("per of a rate limit must be a time of up to 100 years")
        if self.most > self.per // _MICROSECOND:
            raise ConfigurationError("a rate limit lets at most one message a microsecond through")


def _in_order(caps: Iterable[FrequencyCap]) -> tuple[FrequencyCap, ...]:
    return tuple(caps)


def _are(name: str, kind: type, given: Iterable[object]) -> None:
    for one in given:
        if one is not None and not isinstance(one, kind):
            message = f"{name} are of the class {kind.__name__}, not {type(one).__name__}"
            raise ConfigurationError(message)


_NO_WINDOWS: Final[Mapping[str, Window | None]] = {}
_NO_LIMITS: Final[Mapping[str, RateLimit]] = {}


@frozen(kw_only=True)
class SendPolicy:
    """When the messages of an engine may go out. Transactional ones always may.

    Attributes:
        quiet_hours: When nothing goes out, by the clock of the subscriber; what comes due then waits for its end.
        quiet_hours_of: Quiet hours by workflow id, which hold there instead, and instead of what the workflow says
            itself; None for none.
        caps: How many messages a subscriber gets; all that count a message must have room for it.
        rate_limit: How fast messages go out.
        rate_limit_of: Limits by workflow id, which hold there instead: what such a workflow sends takes no turn of
            ``rate_limit``. So give each a share of what the mail service takes.

    Raises:
        ConfigurationError: Two caps have one name, or something is none of these.
    """

    quiet_hours: Window | None = None
    quiet_hours_of: Mapping[str, Window | None] = field(default=_NO_WINDOWS)
    caps: tuple[FrequencyCap, ...] = field(default=(), converter=_in_order)
    rate_limit: RateLimit | None = None
    rate_limit_of: Mapping[str, RateLimit] = field(default=_NO_LIMITS)

    def __attrs_post_init__(self) -> None:
        _are("quiet hours", Window, [self.quiet_hours, *self.quiet_hours_of.values()])
        _are("caps", FrequencyCap, self.caps)
        _are("rate limits", RateLimit, [self.rate_limit, *self.rate_limit_of.values()])
        names = [cap.name for cap in self.caps]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"two frequency caps have one name, of {', '.join(sorted(names))}")

    def quiet(self, workflow: Workflow) -> Window | None:
        """Give the quiet hours that hold for a workflow: what is said of it here, else by itself, else for all."""
        if workflow.workflow_id in self.quiet_hours_of:
            return self.quiet_hours_of[workflow.workflow_id]
        match workflow.quiet_hours:
            case None:
                return self.quiet_hours
            case Quiet.NEVER:
                return None
            case window:
                return window

    def capped(self, workflow_id: str, send: SendEmail) -> tuple[FrequencyCap, ...]:
        """Give the caps that count a message of a workflow."""
        return tuple(cap for cap in self.caps if cap.counts(workflow_id, send))

    def limit(self, workflow_id: str) -> tuple[str, RateLimit] | None:
        """Give the rate limit that holds for a workflow, its own or else that of all, and what it is called."""
        own = self.rate_limit_of.get(workflow_id)
        if own is not None:
            return workflow_id, own
        return None if self.rate_limit is None else ("", self.rate_limit)


NO_POLICY: Final = SendPolicy()
"""Messages go out when they come due."""
