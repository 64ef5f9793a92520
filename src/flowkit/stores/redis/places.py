"""Places under frequency caps, which lie with their subscribers, and the buckets of rate limits, each by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flowkit.ports import Bucket, Full, Reservation
from flowkit.runs.turns import Turns
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Call, Wire

__all__ = ["put_bucket", "read_bucket", "reserve", "unreserve"]


def reserve(wire: Wire, layout: Layout, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
    """Take places; see ``Store.reserve``."""
    parts = layout.split(range(len(asked)), lambda place: layout.part_of(asked[place].subscriber_id))
    calls = [
        Call(
            "reserve",
            layout.base(part),
            {"at": at, "asked": [_asked(asked[place]) for place in places]},
        )
        for part, places in parts.items()
    ]
    found: list[Sequence[Full]] = [()] * len(asked)
    for places, answers in zip(parts.values(), wire.run_all(calls), strict=True):
        for place, full in zip(places, answers, strict=True):
            found[place] = [Full(cap, taken, int(first)) for cap, taken, first in full]
    return found


def _asked(asked: Reservation) -> dict[str, Any]:
    return {"key": asked.key, "subscriber": asked.subscriber_id, "caps": [list(cap) for cap in asked.caps]}


def unreserve(wire: Wire, layout: Layout, keys: Sequence[str]) -> None:
    """Give places back; see ``Store.unreserve``. A key does not tell its partition, so all are asked."""
    if keys:
        wire.run_all([Call("unreserve", layout.base(part), {"keys": list(keys)}) for part in range(layout.parts)])


def read_bucket(wire: Wire, layout: Layout, name: str) -> Bucket:
    """Read the bucket of a rate limit; see ``Store.bucket``."""
    sequence, turns = wire.run("entered", layout.rate(name), {"bucket": True})
    return Bucket(name) if sequence is None else Bucket(name, Turns(*json.loads(turns)), int(sequence))


def put_bucket(wire: Wire, layout: Layout, bucket: Bucket) -> bool:
    """Write the bucket of a rate limit; see ``Store.put_bucket``."""
    ask = {"sequence": bucket.sequence, "turns": json.dumps(list(bucket.turns))}
    return bool(wire.run("bucket", layout.rate(bucket.name), ask))
