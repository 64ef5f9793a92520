"""How a worker knows that what it claimed is still its own."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from time import monotonic

from flowkit.engine.drive import resolve
from flowkit.engine.stop import Stop
from flowkit.ports import Claim, Store

__all__ = ["Hold"]


class Hold:
    """A claim and the worker's own measure of its lease.

    Args:
        store: Whose claim it is.
        claim: The claim.
        lease: For how long it is held.
        since: When it was asked for, in seconds of ``time.monotonic``: before the store set the lease, never after.
        stop: What brings the worker to an end; None where nothing does.

    Attributes:
        clock: The worker's own clock, in seconds.
        lost: Whether the store has said that the claim is no longer held; nothing more may be called or written then.
    """

    def __init__(self, store: Store, claim: Claim, lease: timedelta, since: float, stop: Stop | None = None) -> None:
        self._store = store
        self._claim = claim
        self._lease = lease
        self._until = since + lease.total_seconds()
        self._stop = stop
        self.clock = monotonic
        self.lost = False

    @property
    def stopped(self) -> bool:
        """Whether the worker has come to its end, so that it calls nothing more."""
        return self._stop is not None and self._stop.over

    def lasts(self, seconds: float) -> bool:
        """Whether the claim is held for that long from now, so that a call of that length may begin."""
        return not self.lost and monotonic() + seconds < self._until

    def until(self, seconds: float, *, within: float) -> float:
        """Give the instant of ``clock`` before which such a call may begin: no later than a while hence."""
        return -inf if self.lost else min(self._until - seconds, self.clock() + within)

    async def secure(self, seconds: float) -> bool:
        """Make sure that the claim is held for that long, extending it where it is not.

        Returns:
            False where nothing more may be called: the claim is lost, or the worker has come to its end.
        """
        if self.stopped:
            return False
        if self.lasts(seconds):
            return True
        return await self.confirm()

    async def confirm(self) -> bool:
        """Ask the store whether the claim is still held, and have it held for its whole time from now."""
        if self.lost:
            return False
        since = monotonic()
        if await resolve("store.extend", self._store.extend(self._claim, self._lease)):
            self._until = since + self._lease.total_seconds()
            return True
        self.lost = True
        return False
