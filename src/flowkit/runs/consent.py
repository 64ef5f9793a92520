"""Who must not be written to, and who wants to be: what a suppression stops, and what a consent allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from attrs import field, frozen

from flowkit.events import Event
from flowkit.workflows.model import EMAIL, MessageClass

__all__ = [
    "BANNING",
    "Ban",
    "ConsentStatus",
    "Suppression",
    "SuppressionReason",
    "SuppressionScope",
    "ban_of",
    "stopped_by",
]


class SuppressionReason(StrEnum):
    """Why somebody is on the suppression list."""

    BOUNCE = "bounce"
    """The address is dead: what was sent there came back for good."""
    COMPLAINT = "complaint"
    """The subscriber reported a message as spam."""
    UNSUBSCRIBE_ALL = "unsubscribe_all"
    """The subscriber wants no marketing at all, whatever its topic."""
    MANUAL = "manual"
    """Somebody of the host's put the subscriber there."""


class SuppressionScope(StrEnum):
    """Which messages a suppression stops."""

    MARKETING = "marketing"
    """Those of the class ``marketing``."""
    ALL = "all"
    """All of them, transactional ones too."""


class Ban(NamedTuple):
    """What a suppression forbids, and why.

    Attributes:
        reason: Why.
        scope: Which messages.
    """

    reason: SuppressionReason
    scope: SuppressionScope

    @classmethod
    def of(cls, reason: SuppressionReason, scope: SuppressionScope | None = None) -> Ban:
        """Give the ban of a reason; without a scope a dead address stops everything, any other reason marketing."""
        if scope is None:
            dead = reason is SuppressionReason.BOUNCE
            scope = SuppressionScope.ALL if dead else SuppressionScope.MARKETING
        return cls(reason, scope)


@frozen(kw_only=True)
class Suppression:
    """One line of the suppression list.

    Attributes:
        number: Its place in the list.
        subscriber_id: Who must not be written to.
        reason: Why.
        scope: Which messages are stopped.
        since: From when on, on the engine's clock.
        lifted: When it was lifted; None while it stands.
    """

    number: int
    subscriber_id: str
    reason: SuppressionReason
    scope: SuppressionScope
    since: datetime
    lifted: datetime | None = field(default=None)


class ConsentStatus(StrEnum):
    """How a subscriber stands with a topic."""

    SUBSCRIBED = "subscribed"
    """It may be written to."""
    UNSUBSCRIBED = "unsubscribed"
    """It said no."""
    UNKNOWN = "unknown"
    """It said nothing; that is a no."""


_ORDER: Final = {reason: place for place, reason in enumerate(SuppressionReason)}


def stopped_by(bans: Iterable[Ban], message_class: MessageClass, *, channel: str = EMAIL) -> Ban | None:
    """Find the ban that stops a message: of several the one that weighs most; None lets it through.

    Args:
        bans: What is forbidden.
        message_class: What the message is to whoever gets it.
        channel: By which channel it goes. A dead address is one of e-mail, and stops no other; the rest stops all.
    """
    stopping = [
        ban
        for ban in bans
        if (ban.scope is SuppressionScope.ALL or message_class is not MessageClass.TRANSACTIONAL)
        and (ban.reason is not SuppressionReason.BOUNCE or channel == EMAIL)
    ]
    return min(stopping, key=lambda ban: _ORDER[ban.reason], default=None)


# ------------------------------------------------------------------------------------------------------------
# What events say

_HARD: Final = frozenset({"hard", "permanent"})
_BOUNCE_TYPE: Final = "bounce_type"
_TOPIC: Final = "topic"
_CHANNEL: Final = "channel"
_BY_EVENT: Final[Mapping[str, SuppressionReason]] = {
    "bounce": SuppressionReason.BOUNCE,
    "complaint": SuppressionReason.COMPLAINT,
    "unsubscribe": SuppressionReason.UNSUBSCRIBE_ALL,
}
BANNING: Final = frozenset(_BY_EVENT)
"""The types of events that may forbid something by themselves."""


def ban_of(event: Event) -> Ban | None:
    """Say what an event forbids by itself; None where that is nothing.

    A ``bounce`` does where its property ``bounce_type`` is ``hard`` or ``permanent``, in letters of either case, or
    where it has none: services that tell hard from soft say which it is, and others report only what failed for good.
    One that names another ``channel`` than ``email`` does not. A ``complaint`` always does. An ``unsubscribe`` does
    where it names no ``topic``: with one it is the host's to keep.
    """
    reason = _BY_EVENT.get(event.type)
    if reason is None:
        return None
    if reason is SuppressionReason.BOUNCE:
        kind = event.properties.get(_BOUNCE_TYPE)
        if kind is not None and not (isinstance(kind, str) and kind.lower() in _HARD):
            return None
        if event.properties.get(_CHANNEL, EMAIL) != EMAIL:
            return None
    if reason is SuppressionReason.UNSUBSCRIBE_ALL and event.properties.get(_TOPIC) is not None:
        return None
    return Ban.of(reason)
