"""The notes of a claim: kept beside it on the server, one command a call."""

from __future__ import annotations

import json
from typing import Final

from flowkit.errors import StoreError
from flowkit.ports import Claim
from flowkit.runs.effects import DONE, Outcome
from flowkit.stores.redis.wire import Wire
from flowkit.stores.rows import write_outcome

__all__ = ["Notes"]

_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_MOST: Final = 200
_DONE: Final = _encode(write_outcome(DONE))


class Notes:
    """The notes of one claim; how a call ended is written with the begin of the next one.

    Args:
        wire: The way to the server.
        base: The tag of the claim's partition.
        claim: Whose notes they are.
    """

    def __init__(self, wire: Wire, base: str, claim: Claim) -> None:
        self._wire = wire
        self._base = base
        self._token = claim.token
        self._settled: list[str] = []

    def begin(self, key: str, *, durable: bool = False) -> None:
        """Note that the call for this key begins, as durable as a commit is.

        Raises:
            StoreError: The claim has ended, or the note cannot be kept; so the call must not be made.
        """
        self._write(key)

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how it ended; written with the next note."""
        told = _DONE if outcome is DONE else _encode(write_outcome(outcome))
        self._settled += (key, told)
        if len(self._settled) >= _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._settled:
            self._write("")

    def _write(self, key: str) -> None:
        if not self._wire.run("note", self._base, [self._token, key, *self._settled]) and key:
            message = "the note could not be kept: the claim has ended, or was given back, or somebody else has it"
            raise StoreError(message)
        self._settled = []
