"""Places under frequency caps, and the buckets of rate limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowkit.ports import Bucket, Cap, Full, Reservation
from flowkit.runs.turns import Turns
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, columns

__all__ = ["put_bucket", "read_bucket", "reserve", "unreserve"]


class _Places:
    """The places of the subscribers who ask, as they stand while one message after the other is looked at."""

    def __init__(self, link: Link, asked: Sequence[Reservation], at: int) -> None:
        pairs = list(dict.fromkeys((cap.name, one.subscriber_id) for one in asked for cap in one.caps))
        self._at = at
        self._taken: dict[tuple[str, str], dict[str, int]] = {pair: {} for pair in pairs}
        for cap, subscriber, key, since in link.rows(sql.PLACES, *columns(pairs, 2), at):
            self._taken[cap, subscriber][key] = since
        self.new: dict[tuple[str, str, str], int] = {}

    def ask(self, asked: Reservation) -> Sequence[Full]:
        """Take a place under each cap of a message, or under none; give the caps that are full."""
        full = [found for cap in asked.caps if (found := self._full(cap, asked)) is not None]
        if not full:
            for cap in asked.caps:
                taken = self._taken[cap.name, asked.subscriber_id]
                taken[asked.key] = max(self._at, taken.get(asked.key, self._at))
                place = (cap.name, asked.subscriber_id, asked.key)
                self.new[place] = max(cap.until, self.new.get(place, cap.until))
        return full

    def _full(self, cap: Cap, asked: Reservation) -> Full | None:
        taken = self._taken[cap.name, asked.subscriber_id]
        others = sorted((at for key, at in taken.items() if key != asked.key and at > cap.since), reverse=True)
        return Full(cap.name, len(others), others[cap.most - 1]) if len(others) >= cap.most else None


def reserve(link: Link, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
    """Take places; see ``Store.reserve``."""
    link.rows(sql.LOCK_PLACES, link.schema.places, list(dict.fromkeys(one.subscriber_id for one in asked)))
    link.write(sql.FORGET_PLACES, at)
    places = _Places(link, asked, at)
    full = [places.ask(one) for one in asked]
    if places.new:
        rows = [(*place, until) for place, until in places.new.items()]
        link.write(sql.TAKE_PLACES, at, *columns(rows, 4))
    return full


def unreserve(link: Link, keys: Iterable[str]) -> None:
    """Give places back; see ``Store.unreserve``."""
    link.write(sql.DROP_PLACES, list(keys))


def read_bucket(link: Link, name: str) -> Bucket:
    """Read a bucket; see ``Store.bucket``."""
    row = link.row(sql.BUCKET, name)
    return Bucket(name) if row is None else Bucket(name, Turns(*row[:-1]), row[-1])


def put_bucket(link: Link, bucket: Bucket) -> bool:
    """Write a bucket; see ``Store.put_bucket``."""
    statement = sql.NEXT_BUCKET if bucket.sequence else sql.NEW_BUCKET
    return link.write(statement, *bucket.turns, bucket.name, bucket.sequence) == 1
