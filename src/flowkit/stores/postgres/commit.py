"""How a batch is committed: a change is there whole or not at all.

Locks are taken in one order by everybody: the stamp, the claim, subscribers that are new by name, known ones by number,
runs by number, totals by workflow. So writers wait for each other, and for nobody who waits for them.
"""

from __future__ import annotations

from attrs import evolve

from flowkit.ports import Changes, Claim, Refused, refused_whole
from flowkit.stores.inputs import thawed
from flowkit.stores.phrases import Phrases
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.access import Access
from flowkit.stores.postgres.conflicts import lock, stale
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.editions import share_stamp
from flowkit.stores.postgres.link import Link
from flowkit.stores.postgres.shared import Shared
from flowkit.stores.postgres.write import Writer

__all__ = ["Committer"]


class Committer:
    """Commits batches.

    Args:
        access: Makes the transactions.
        shared: What the sessions of the store share.
        decoder: Knows the numbers of the workflows.
    """

    def __init__(self, access: Access, shared: Shared, decoder: Decoder) -> None:
        self._access = access
        self._shared = shared
        self._decoder = decoder

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        phrases = self._shared.phrases.fork()

        def work(link: Link) -> Refused:
            phrases.rolled_back()  # What an attempt before this one added was undone with it.
            return self._commit(link, changes, phrases)

        refused = self._access.write(work)
        # What a joined transaction adds is known to nobody before the host's commit, and may never be there.
        if not self._access.joined:
            phrases.committed()
        if changes.claim is not None and (refused.lost or (changes.ends and not refused.runs)):
            self._shared.end_claim(changes.claim.token)
        return refused

    def _commit(self, link: Link, changes: Changes, phrases: Phrases) -> Refused:
        if changes.stamp is not None and share_stamp(link) != changes.stamp:
            return refused_whole(changes)
        claim = changes.claim
        if claim is not None and link.row(sql.HOLD_CLAIM, int(claim.token)) is None:
            return Refused(lost=True)

        def number(name: str) -> int:
            return self._decoder.number(link, name)

        locked = lock(link, changes)
        refused = stale(link, changes, locked, number)
        standing = _standing(changes, refused) if refused else changes
        Writer(link, phrases, self._shared.texts, number, locked.handles, standing).write()
        self._thaw(link, standing, claim)
        if refused.subscriber_ids:
            # Whoever became known with what is refused is not.
            gone = [locked.new[name] for name in refused.subscriber_ids if name in locked.new]
            if gone:
                link.write(sql.DROP_SUBSCRIBERS, gone)
        if claim is not None and changes.ends and not refused.runs:
            link.write(sql.END_CLAIM, int(claim.token))
        return refused

    def _thaw(self, link: Link, changes: Changes, claim: Claim | None) -> None:
        over = thawed(changes, frozen=claim is not None and claim.token in self._shared.freezing)
        if over:
            link.write(sql.THAW, over)


def _standing(changes: Changes, refused: Refused) -> Changes:
    """Give what is left of a batch without what is refused."""
    subscribers = frozenset(refused.subscriber_ids)
    gone = {run.handle for run in refused.runs}
    return evolve(
        changes,
        changes=[change for change in changes.changes if change.subscriber_id not in subscribers],
        moves=[move._replace(runs=[run for run in move.runs if run.handle not in gone]) for move in changes.moves],
    )
