"""The notes that a worker makes around each call: rows beside its claim that survive its death.

Two notes a message, one row for both: that the call before has ended and that the next begins. Unless that is asked
for, their commit does not wait for the disk: they are for the death of a worker, not of the server. They go with the
claim. Before a number of messages are handed over, their keys are noted as well, so that others know what may go out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from flowkit.errors import StoreError
from flowkit.runs.effects import DONE, Outcome
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.access import Access
from flowkit.stores.postgres.link import Link
from flowkit.stores.rows import read_outcome, write_outcome

__all__ = ["NoteRows", "open_keys", "read_notes"]

_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class NoteRows:
    """The notes of one claim.

    Args:
        access: Writes them.
        token: The claim's.
    """

    def __init__(self, access: Access, token: str) -> None:
        self._access = access
        self._token = int(token)
        self._tail = ""

    def begin(self, key: str, *, durable: bool = False) -> None:
        """Note that the call for this key begins; see ``Attempts.begin``.

        Raises:
            StoreError: The claim has ended or is somebody else's, or the note cannot be kept; the call must not be
                made.
        """
        if not self._append(f"? {key}\n", durable=durable):
            message = "the claim has ended, or another worker has taken it over: the call must not be made"
            raise StoreError(message)

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how the call that was begun last ended; written with the next note."""
        del key  # One call at a time: it is the one before.
        self._tail = "!\n" if outcome is DONE else f"! {_encode(write_outcome(outcome))}\n"

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._tail:
            self._append("", durable=False)

    def window(self, keys: Iterable[str]) -> None:
        """Note which effects are about to be carried out, instead of those that were before; none where none is."""
        self._append(f"> {' '.join(keys)}\n", durable=False)

    def _append(self, note: str, *, durable: bool) -> bool:
        """Write a note behind the one that waits for it; False where there is no such claim any more."""
        statement = sql.NOTE_DURABLE if durable else sql.NOTE
        body = self._tail + note
        written = self._access.read(lambda link: link.write(statement, body, self._token))
        self._tail = ""
        return written == 1


def read_notes(link: Link, token: int) -> tuple[dict[str, Outcome], list[str]]:
    """Read the notes of a claim.

    Returns:
        The outcomes that were noted, by key, and the key whose call had begun and not ended, where there is one.
    """
    settled: dict[str, Outcome] = {}
    begun = ""
    for mark, rest in _notes(body for (body,) in link.rows(sql.NOTES, token)):
        if mark == "?":
            begun = rest
        elif mark == "!":
            settled[begun] = read_outcome(json.loads(rest)) if rest else DONE
            begun = ""
    return settled, [begun] if begun else []


def open_keys(bodies: Sequence[str]) -> Sequence[str]:
    """Tell which effects of a claim are being carried out, or are about to be, by its notes."""
    window: dict[str, None] = {}
    begun = ""
    for mark, rest in _notes(bodies):
        if mark == ">":
            window = dict.fromkeys(rest.split())
        elif mark == "?":
            begun = rest
        elif mark == "!":
            window.pop(begun, None)
    return list(window)


def _notes(bodies: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give notes, each by its mark and what follows."""
    for body in bodies:
        for line in body.split("\n")[:-1]:
            mark, _, rest = line.partition(" ")
            yield mark, rest
