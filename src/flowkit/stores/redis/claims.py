"""Claims: who holds which runs, all of one partition, and what becomes of those whose holder died."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import randrange
from secrets import token_hex
from typing import Any

from flowkit.ports import OPEN, Claim, Fence
from flowkit.runs.consent import Ban
from flowkit.runs.effects import RUN_ID_LENGTH, Outcome
from flowkit.runs.model import Run
from flowkit.stores.redis.decode import Decoder, read_bans, read_row
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Call, Reply, Wire
from flowkit.stores.rows import read_outcome

__all__ = ["Claims", "part_of_token"]


def part_of_token(token: str) -> int:
    """Give the partition whose runs a claim holds: its token begins with it."""
    return int(token.partition("-")[0])


class Claims:
    """Takes, holds and gives back claims.

    Args:
        wire: The way to the server.
        layout: Where claims lie.
        decoder: Makes runs of rows.
        clock: The host's clock for leases, in seconds; None for the server's.
    """

    def __init__(self, wire: Wire, layout: Layout, decoder: Decoder, clock: Callable[[], float] | None) -> None:
        self._wire = wire
        self._layout = layout
        self._decoder = decoder
        self._clock = clock

    def on_time(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        """Put the lease clock to what is asked, where it is the host's."""
        return dict(ask) if self._clock is None else {**ask, "clock": self._clock()}

    def take(self, now: int, limit: int, lease: timedelta, stamp: Callable[[], int]) -> Claim | None:
        """Take due runs, or a lapsed claim; see ``Store.claim``."""
        parts = self._layout.parts
        start = randrange(parts)  # noqa: S311 - spreads workers
        claim = self._take(start, now, limit, lease, stamp)
        if claim is not None or parts == 1:
            return claim
        # Nothing there: one look at all of them, and then those in which there is something.
        ask = self.on_time({"now": str(now)})
        found = self._wire.run_all([Call("ready", self._layout.base(part), ask) for part in range(parts)])
        for part in [(start + step) % parts for step in range(parts)]:
            if found[part]:
                claim = self._take(part, now, limit, lease, stamp)
                if claim is not None:
                    return claim
        return None

    def _take(self, part: int, now: int, limit: int, lease: timedelta, stamp: Callable[[], int]) -> Claim | None:
        token = f"{part}-{token_hex(8)}"
        ask = self.on_time(
            {
                "now": str(now),
                "limit": limit,
                "lease": lease.total_seconds(),
                "token": token,
                "rest": f"{part}-{token_hex(8)}",
            }
        )
        reply: Reply = self._wire.run("claim", self._layout.base(part), ask)
        if reply is None:
            return None
        rows, notes, deaths, fresh, known = reply
        settled, doubtful, begun = _read_notes(read_row(notes))
        current = known if self._layout.parts == 1 else stamp()
        runs = self._decoder.runs(part, rows)
        return Claim(
            token, runs, current, settled, doubtful, begun, deaths, fresh=fresh == 1, partial=self._layout.parts > 1
        )

    def extend(self, claim: Claim, lease: timedelta | None) -> bool:
        """Hold a claim for a lease from now, or give it back where there is none; False where it is not held."""
        ask: dict[str, Any] = {"token": claim.token}
        ask |= {"released": True} if lease is None else {"lease": lease.total_seconds()}
        return bool(self._wire.run("extend", self._base(claim), self.on_time(ask)) == 1)

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        names = {run.id: self._layout.place(run.handle)[1] for run in claim.runs}
        asked = [[names[key[:RUN_ID_LENGTH]], key, text] for key, text in inputs.items()]
        kept = self._wire.run("freeze", self._base(claim), {"inputs": asked})
        return dict(zip(inputs, kept, strict=True))

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        asked = [[key, self._layout.place(run.handle)[1], run.sequence, run.subscriber_id] for key, run in runs.items()]
        ask = {"token": claim.token, "runs": asked}
        moved, known = self._wire.run("window", self._base(claim), ask)
        names = frozenset(moved)
        handles = frozenset(run.handle for run in runs.values() if self._layout.place(run.handle)[1] in names)
        banned: dict[str, Sequence[Ban]] = {name: bans for name, flat in known if (bans := read_bans(read_row(flat)))}
        return Fence(handles, banned) if handles or banned else OPEN

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        parts = self._layout.split(subscriber_ids, self._layout.part_of)
        calls = [
            Call("flight", self._layout.base(part), self.on_time({"subscribers": names}))
            for part, names in parts.items()
        ]
        return [key for keys in self._wire.run_all(calls) for key in keys]

    def _base(self, claim: Claim) -> str:
        return self._layout.base(part_of_token(claim.token))


def _read_notes(notes: Mapping[str, str]) -> tuple[dict[str, Outcome], dict[str, int], dict[str, int]]:
    """Read the notes of a claim: outcomes, deaths in calls that are in doubt, and when calls were made, by key."""
    settled: dict[str, Outcome] = {}
    doubtful: dict[str, int] = {}
    begun: dict[str, int] = {}
    for key, note in notes.items():
        if note.startswith("!"):
            at, _, outcome = note[1:].partition(" ")
            settled[key] = read_outcome(json.loads(outcome))
        else:
            deaths, _, at = note[1:].partition(" ")
            doubtful[key] = int(deaths)
        begun[key] = int(at)
    return settled, doubtful, begun
