"""The notes that a worker makes around each call: a small file beside the database that survives the worker's death.

Two notes a message, one write for both: that the call before has ended and that the next begins. Nothing is synced to
the disk: the notes are for the death of a process, not of a machine, and are gone once what they say is committed.
"""

from __future__ import annotations

import json
import os
from typing import Final

from flowkit.runs.effects import DONE, Outcome
from flowkit.stores.rows import read_outcome, write_outcome

__all__ = ["NoteFile", "read_notes", "remove_notes"]

_DONE: Final = b"!\n"
_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class NoteFile:
    """The notes of one claim at a time.

    Args:
        path: Where the file is, or will be made at the first note.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._token = ""
        self._tail = b""

    def begin_claim(self, token: str) -> None:
        """Begin the notes of a claim; a reader takes only those that follow its token."""
        self._token = token
        self._tail = f"= {token}\n".encode()

    def begin(self, key: str) -> None:
        """Note that the call for this key begins."""
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._file, self._tail + b"? " + key.encode() + b"\n")
        self._tail = b""

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how the call that was begun last ended; written with the next note."""
        del key  # One call at a time: it is the one before.
        self._tail = _DONE if outcome is DONE else f"! {_encode(write_outcome(outcome))}\n".encode()

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._file is not None and self._tail:
            os.write(self._file, self._tail)
            self._tail = b""

    def clear(self) -> None:
        """Forget the notes: what they say is committed."""
        self._tail = b""
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Close the file and leave it."""
        if self._file is not None:
            self.flush()
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Close the file and take it away."""
        if self._file is not None:
            self.close()
            remove_notes(self.path)


def remove_notes(path: str) -> None:
    """Take a file of notes away, where there is one."""
    if os.path.exists(path):  # noqa: PTH110 - this file is about descriptors and names, not about paths
        os.unlink(path)  # noqa: PTH108


def read_notes(path: str, token: str) -> tuple[dict[str, Outcome], list[str]]:
    """Read the notes of a claim.

    Returns:
        The outcomes that were noted, by key, and the key whose call had begun and not ended, where there is one.
    """
    settled: dict[str, Outcome] = {}
    begun = ""
    if not os.path.exists(path):  # noqa: PTH110
        return settled, []
    with open(path, "rb") as file:  # noqa: PTH123
        lines = file.read().split(b"\n")
    mine = False
    for line in lines[:-1]:  # The part after the last line break, if any, was never wholly written.
        mark, _, rest = line.decode().partition(" ")
        if mark == "=":
            mine = rest == token
        elif mine and mark == "?":
            begun = rest
        elif mine and mark == "!":
            settled[begun] = read_outcome(json.loads(rest)) if rest else DONE
            begun = ""
    return settled, [begun] if begun else []
