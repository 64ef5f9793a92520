"""What a store keeps for frequency caps and rate limits: the places that messages take, and whose turn it is."""

from __future__ import annotations

from typing import NamedTuple

from flowkit.runs.turns import NO_TURNS, Turns

__all__ = ["Bucket", "Cap", "Full", "Reservation"]


class Cap(NamedTuple):
    """How many places there are for the messages of one subscriber.

    Attributes:
        name: The name of the frequency cap.
        most: How many places.
        since: What took its place later than this counts, in microseconds.
        until: Until when a place that is taken now may be asked about; what the store forgets of it after that is
            missed by nobody.
    """

    name: str
    most: int
    since: int
    until: int


class Reservation(NamedTuple):
    """A message that is about to be handed over, and wants a place under each of some caps, or under none.

    Attributes:
        key: The key of the effect.
        subscriber_id: Whose message it is.
        caps: The caps that count it.
    """

    key: str
    subscriber_id: str
    caps: tuple[Cap, ...]


class Full(NamedTuple):
    """A cap that has no place left.

    Attributes:
        cap: Its name.
        taken: How many places others have.
        first: Since when the one has its place that is the first to make room, in microseconds.
    """

    cap: str
    taken: int
    first: int


class Bucket(NamedTuple):
    """Whose turn it is under a rate limit, as it is stored.

    Attributes:
        name: The name of the limit in the store.
        turns: Where it stands.
        sequence: How often it was written; 0 before it is stored.
    """

    name: str
    turns: Turns = NO_TURNS
    sequence: int = 0
