"""The way of time: claims are worked off (``shift.py``), and in between whatever else an instant has come for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Final

from attrs import frozen

from flowkit.engine.controls import bring_all
from flowkit.engine.drive import resolve
from flowkit.engine.hold import Hold
from flowkit.engine.looks import look_at_due
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import Ingested
from flowkit.engine.shift import Shift
from flowkit.engine.stop import Stop
from flowkit.engine.sweeps import plan_sweeps, sweep_once
from flowkit.events import to_micros
from flowkit.runs.effects import Result

__all__ = ["Advanced", "advance"]

_CLAIMS: Final = 64


@frozen
class Advanced:
    """What a worker did.

    Attributes:
        runs: Runs that were claimed and moved; one that came due twice counts twice.
        done: Effects that took effect.
        skipped: Effects that were decided against.
        retrying: Attempts that failed and will be made again.
        failed: Effects that failed for good, or whose outcome cannot be known.
        started: Runs that began because an instant came, or by a backfill.
        missed: Firings of time triggers that were found too late and left out.
        deferred: Effects that are carried out later, without an attempt now.
        held_out: Entries of those who are held out, because an instant came, or by a backfill.
    """

    runs: int = 0
    done: int = 0
    skipped: int = 0
    retrying: int = 0
    failed: int = 0
    started: int = 0
    missed: int = 0
    deferred: int = 0
    held_out: int = 0

    def __add__(self, other: Advanced) -> Advanced:
        return Advanced(
            self.runs + other.runs,
            self.done + other.done,
            self.skipped + other.skipped,
            self.retrying + other.retrying,
            self.failed + other.failed,
            self.started + other.started,
            self.missed + other.missed,
            self.deferred + other.deferred,
            self.held_out + other.held_out,
        )


async def advance(parts: Parts, now: datetime | None, limit: int | None, stop: Stop | None = None) -> Advanced:
    """Do everything that is due.

    Args:
        parts: The ports.
        now: The instant up to which things are due; None asks the clock before each claim.
        limit: The most runs to claim in all; None for no limit.
        stop: Brings the call to an end; None where nothing does.
    """
    total = Advanced()
    error: Exception | None = None
    while limit is None or total.runs < limit:
        moved_runs, done = await _runs(parts, now, None if limit is None else limit - total.runs, stop)
        total += moved_runs
        if stop is not None and stop.asked:
            break
        at = to_micros(parts.clock.now() if now is None else now)
        moved, began, failed = await _began(parts, at)
        total += began
        error = error or failed
        if done and not moved:
            break
    if error is not None:
        raise error
    return total


async def _began(parts: Parts, at: int) -> tuple[bool, Advanced, Exception | None]:
    """Look at whom an instant has come for, and take a page of a sweep; whether anything moved, and the first error."""
    catalogue = parts.catalogue
    stamp, due = await resolve("store.watches", parts.store.watches(at, limit=parts.batch))
    await catalogue.refresh(stamp)
    await plan_sweeps(parts, at)
    brought = await bring_all(parts, at)
    looked, ingested, error = await look_at_due(parts, due, at) if due else (0, Ingested(), None)
    swept = await sweep_once(parts, at)
    if swept is None:
        came = Advanced(started=ingested.started, held_out=ingested.held_out)
        return looked > 0 or brought, came, error
    done = ingested + swept.ingested
    came = Advanced(started=done.started, missed=swept.missed, held_out=done.held_out)
    return True, came, error or swept.error


async def _runs(parts: Parts, now: datetime | None, limit: int | None, stop: Stop | None) -> tuple[Advanced, bool]:
    """Do what runs are due for; whether that was all, since others may not wait for ever."""
    total = Advanced()
    for _ in range(_CLAIMS):
        if (limit is not None and total.runs >= limit) or (stop is not None and stop.asked):
            break
        at = to_micros(parts.clock.now() if now is None else now)
        size = parts.batch if limit is None else min(parts.batch, limit - total.runs)
        since = monotonic()
        claim = await resolve("store.claim", parts.store.claim(at, limit=size, lease=parts.lease))
        if claim is None:
            return total, True
        shift = Shift(parts, claim, Hold(parts.store, claim, parts.lease, since, stop), at)
        total += _advanced(await shift.work(), shift.results)
        if claim.fresh and not claim.partial and len(claim.runs) < size and not shift.leaves_due:
            return total, True  # The queue gave less than was asked for, so there is nothing more to ask for.
    return total, False


def _advanced(runs: int, results: Mapping[Result, int]) -> Advanced:
    return Advanced(
        runs,
        results[Result.DONE],
        results[Result.SKIPPED],
        results[Result.RETRY],
        results[Result.FAILED] + results[Result.UNKNOWN],
        deferred=results[Result.DEFERRED],
    )
