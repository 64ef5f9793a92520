"""How a batch is committed: a change is there whole or not at all.

First as if nobody else had written; where somebody had, again with what still stands.
"""

from __future__ import annotations

import sqlite3

from attrs import evolve

from flowkit.errors import StoreError
from flowkit.ports import NOTHING_REFUSED, Changes, Claim, Refused, refused_whole
from flowkit.stores.phrases import Phrases
from flowkit.stores.sqlite.conflicts import stale
from flowkit.stores.sqlite.decode import Decoder
from flowkit.stores.sqlite.editions import read_stamp
from flowkit.stores.sqlite.frozen import thaw
from flowkit.stores.sqlite.session import Session
from flowkit.stores.sqlite.shared import Shared
from flowkit.stores.sqlite.write import Stale, Writer

__all__ = ["Committer"]


class Committer:
    """Commits batches of one session.

    Args:
        session: Makes the transactions.
        shared: What the sessions of the store share.
        decoder: Knows the numbers of the workflows.
    """

    def __init__(self, session: Session, shared: Shared, decoder: Decoder) -> None:
        self._session = session
        self._shared = shared
        self._decoder = decoder

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        phrases = self._phrases()
        if changes.changes or changes.claim is None:
            self._shared.tides.rise()
        try:
            try:
                refused = self._write(changes, phrases)
            except Stale:
                phrases.rolled_back()
                refused = self._write_what_stands(changes, phrases)
        except Stale as error:
            # Nobody had written first, so it is no conflict that the database reports.
            phrases.rolled_back()
            message = f"the database refused: {error.__cause__}; nothing was written"
            raise StoreError(message) from error
        except BaseException:
            phrases.rolled_back()
            raise
        phrases.committed()
        if changes.claim is not None and (refused.lost or (changes.ends and not refused.runs)):
            self._shared.end_claim(changes.claim.token, lost=refused.lost)
        return refused

    def _phrases(self) -> Phrases:
        # What a joined transaction adds is known to nobody before the host's commit, so it gets phrases of its own.
        return Phrases() if self._session.joined else self._shared.phrases

    def _write(self, changes: Changes, phrases: Phrases) -> Refused:
        with self._session.transaction() as cursor:
            if changes.stamp is not None and read_stamp(cursor) != changes.stamp:
                return refused_whole(changes)
            if changes.claim is not None and not _held(cursor, changes.claim, ends=changes.ends):
                return Refused(lost=True)
            self._put(cursor, changes, phrases)
        return NOTHING_REFUSED

    def _write_what_stands(self, changes: Changes, phrases: Phrases) -> Refused:
        with self._session.transaction() as cursor:
            if changes.stamp is not None and read_stamp(cursor) != changes.stamp:
                return refused_whole(changes)
            refused = stale(cursor, changes, self._decoder.number)
            ends = changes.ends and not refused.runs
            if changes.claim is not None and not _held(cursor, changes.claim, ends=ends):
                return Refused(lost=True)
            self._put(cursor, _standing(changes, refused), phrases)
        return refused

    def _put(self, cursor: sqlite3.Cursor, changes: Changes, phrases: Phrases) -> None:
        Writer(cursor, phrases, self._shared.texts, self._decoder.number, changes).write()
        thaw(cursor, changes, frozen=changes.claim is not None and changes.claim.token in self._shared.freezing)


def _held(cursor: sqlite3.Cursor, claim: Claim, *, ends: bool) -> bool:
    """Whether the claim is still this worker's; it ends with this transaction where it is to."""
    if ends:
        return cursor.execute("DELETE FROM flowkit_claim WHERE token = ?", (int(claim.token),)).rowcount == 1
    return cursor.execute("SELECT 1 FROM flowkit_claim WHERE token = ?", (int(claim.token),)).fetchone() is not None


def _standing(changes: Changes, refused: Refused) -> Changes:
    """Give what is left of a batch without what is refused."""
    subscribers = frozenset(refused.subscriber_ids)
    gone = {run.handle for run in refused.runs}
    return evolve(
        changes,
        changes=[change for change in changes.changes if change.subscriber_id not in subscribers],
        moves=[move._replace(runs=[run for run in move.runs if run.handle not in gone]) for move in changes.moves],
    )
