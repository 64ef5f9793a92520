"""Claims: who holds which runs, and what becomes of those whose holder died.

A run is claimed by whoever writes its row in ``held``; the locks on the rows of runs keep workers from waiting for each
other, and keep what is claimed as it was read until the claim is committed.
"""

from __future__ import annotations

from datetime import timedelta
from secrets import randbits

from flowkit.ports import Claim
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.access import Access
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.editions import read_stamp
from flowkit.stores.postgres.link import Link
from flowkit.stores.postgres.notes import NoteRows, read_notes
from flowkit.stores.postgres.shared import Shared
from flowkit.stores.takeovers import Lapsed, take_over

__all__ = ["claim", "extend", "release"]


def claim(access: Access, shared: Shared, decoder: Decoder, now: int, *, limit: int, lease: timedelta) -> Claim | None:
    """Take due runs, or a lapsed claim; see ``Store.claim``."""
    clock = shared.clock()
    [(any_due,)] = access.read(lambda link: link.rows(sql.ANY_DUE, now, clock))
    if not any_due:
        return None
    seconds = lease.total_seconds()

    def work(link: Link) -> Claim | None:
        # The stamp first: runs that are newer than it are decided on once more, and older ones never too late.
        stamp = read_stamp(link)
        return _take_lapsed(link, decoder, stamp, now, clock, seconds) or _take_due(
            link, decoder, stamp, now, limit, clock, seconds
        )

    taken = access.write(work)
    if taken is not None:
        shared.notes[taken.token] = NoteRows(access, taken.token)
    return taken


def extend(link: Link, token: str, clock: float | None, seconds: float) -> bool:
    """Hold a claim longer; False where it is no longer held."""
    return link.write(sql.EXTEND, clock, seconds, int(token)) == 1


def release(link: Link, token: str) -> None:
    """Give a claim back: it can be taken over at once, and nobody died over it."""
    link.write(sql.RELEASE, int(token))


def _take_due(
    link: Link, decoder: Decoder, stamp: int, now: int, limit: int, clock: float | None, seconds: float
) -> Claim | None:
    """Claim runs that are due and that nobody holds."""
    handles = [handle for (handle,) in link.rows(sql.TAKE, now, limit)]
    if not handles:
        return None
    runs = decoder.runs(link, link.rows(sql.THESE, handles))
    token = randbits(62)
    link.write(sql.NEW_CLAIM, token, clock, seconds, now, [run.handle for run in runs], "{}", 0)
    return Claim(str(token), runs, stamp)


def _take_lapsed(
    link: Link, decoder: Decoder, stamp: int, now: int, clock: float | None, seconds: float
) -> Claim | None:
    """Take over a claim whose lease is over, together with the notes of its worker; see ``take_over``."""
    row = link.row(sql.LAPSED, clock)
    if row is None:
        return None
    old, at, handles, inherited, deaths, released = row
    estate = take_over(Lapsed(at, handles, inherited, deaths, released, *read_notes(link, old)))
    token = randbits(62)
    if estate.rest:
        # The rest gets a new token too: the worker that held all of it holds nothing any more.
        link.write(sql.PART_CLAIM, randbits(62), estate.rest, estate.inherited, old)
    else:
        link.write(sql.DROP_CLAIM, old)
    link.write(sql.DROP_NOTES, old)
    link.write(sql.NEW_CLAIM, token, clock, seconds, now, estate.runs, estate.inherited, estate.deaths)
    return Claim(
        str(token),
        decoder.runs(link, link.rows(sql.THESE, estate.runs)),
        stamp,
        estate.settled,
        estate.doubtful,
        estate.begun_at,
        estate.deaths,
        fresh=False,
    )
