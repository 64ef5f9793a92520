"""Places under frequency caps, and the buckets of rate limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from flowkit.ports import Bucket, Cap, Full, Reservation

__all__ = ["Places"]


class Places:
    """The places that messages took, by cap and subscriber, and buckets by name."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
        self._caps: dict[str, set[tuple[str, str]]] = {}
        self._lapses: list[tuple[int, str, tuple[str, str]]] = []
        self._buckets: dict[str, Bucket] = {}

    def reserve(self, asked: Iterable[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places; see ``Store.reserve``."""
        self._forget(at)
        return [self._taken_by(one, at) for one in asked]

    def _taken_by(self, asked: Reservation, at: int) -> Sequence[Full]:
        full = [found for cap in asked.caps if (found := self._full(cap, asked)) is not None]
        if not full:
            for cap in asked.caps:
                place = (cap.name, asked.subscriber_id)
                taken = self._taken.setdefault(place, {})
                since, until = taken.get(asked.key, (at, cap.until))
                taken[asked.key] = (max(since, at), max(until, cap.until))
                self._caps.setdefault(asked.key, set()).add(place)
                heappush(self._lapses, (cap.until, asked.key, place))
        return full

    def _full(self, cap: Cap, asked: Reservation) -> Full | None:
        taken = self._taken.get((cap.name, asked.subscriber_id), {})
        counted = sorted((at for key, (at, _) in taken.items() if at > cap.since and key != asked.key), reverse=True)
        return Full(cap.name, len(counted), counted[cap.most - 1]) if len(counted) >= cap.most else None

    def unreserve(self, keys: Iterable[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        for key in keys:
            for place in self._caps.pop(key, ()):
                self._drop(key, place)

    def _forget(self, at: int) -> None:
        while self._lapses and self._lapses[0][0] <= at:
            until, key, place = heappop(self._lapses)
            if self._taken.get(place, {}).get(key, (0, 0))[1] == until:
                self._drop(key, place)
                self._caps[key].discard(place)
                if not self._caps[key]:
                    del self._caps[key]

    def _drop(self, key: str, place: tuple[str, str]) -> None:
        taken = self._taken[place]
        del taken[key]
        if not taken:
            del self._taken[place]

    def bucket(self, name: str) -> Bucket:
        """Read a bucket; see ``Store.bucket``."""
        return self._buckets.get(name, Bucket(name))

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write a bucket; see ``Store.put_bucket``."""
        if self.bucket(bucket.name).sequence != bucket.sequence:
            return False
        self._buckets[bucket.name] = bucket._replace(sequence=bucket.sequence + 1)
        return True
