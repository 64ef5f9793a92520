"""The notes that a worker makes around each call: a small file beside the database that survives the worker's death.

Two notes a message, one write for both: that the call before has ended and that the next begins. Unless that is asked
for, nothing is synced to the disk: the notes are for the death of a process, not of a machine, and are gone once what
they say is committed.

Before a number of messages are handed over, their keys are noted as well, so that others know what may go out yet.

The worker holds a lock on its file, which the system lets go when the process dies: so others need not wait for the
lease of a claim to end to know that nobody holds it. Where the system has no such locks, they wait.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from time import time
from typing import Final

from flowkit.errors import StoreError
from flowkit.runs.effects import DONE, Outcome
from flowkit.stores.rows import read_outcome, write_outcome

try:
    import fcntl
except ImportError:  # No such locks on this system.
    fcntl = None  # type: ignore[assignment] # a module or nothing

__all__ = ["SUFFIX", "NoteFile", "is_abandoned", "read_notes", "read_window", "remove_notes", "sweep_notes"]

SUFFIX: Final = "-notes-"
"""What stands between the database's name and a file's own part of its name."""

_YOUNG: Final = 60.0
_DONE: Final = b"!\n"
_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class NoteFile:
    """The notes of one claim at a time.

    Args:
        path: Where the file is, or will be made.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None
        self._size = 0
        self._token = ""
        self._tail = b""
        self._named = False

    def open(self) -> None:
        """Make the file and hold its lock; before any claim names it, so that none is taken for abandoned.

        Raises:
            StoreError: The file cannot be made.
        """
        if self._file is None:
            try:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError as error:
                raise StoreError(self._failure(error)) from error
            self._size = 0
            self._named = False
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def begin_claim(self, token: str) -> None:
        """Begin the notes of a claim; a reader takes only those that follow its token."""
        self._token = token
        self._tail = f"= {token}\n".encode()

    def begin(self, key: str, *, durable: bool = False) -> None:
        """Note that the call for this key begins.

        Args:
            key: The effect's key.
            durable: Whether the note is synced to the disk before the call, and the file's name with the first one.

        Raises:
            StoreError: The note cannot be kept, so the call must not be made.
        """
        file = self._append(b"? " + key.encode() + b"\n")
        if durable:
            self._sync(file)

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how the call that was begun last ended; written with the next note."""
        del key  # One call at a time: it is the one before.
        self._tail = _DONE if outcome is DONE else f"! {_encode(write_outcome(outcome))}\n".encode()

    def open_window(self, keys: Iterable[str]) -> None:
        """Note which effects are about to be carried out, instead of those that were before.

        Raises:
            StoreError: The note cannot be kept, so none of them may be.
        """
        self._append(f"> {' '.join(keys)}\n".encode())

    def close_window(self) -> None:
        """Note that no effect is being carried out.

        Raises:
            StoreError: The note cannot be kept.
        """
        if self._file is not None:
            self._append(b"> \n")

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._file is not None and self._tail:
            self._append(b"")

    def _append(self, note: bytes) -> int:
        """Write a note behind the one that waits for it, all of both or nothing; give the file."""
        file, notes = self._file, self._tail + note
        if file is None:
            message = f"the notes {self.path} are closed: the claim has ended, or was given back"
            raise StoreError(message)
        try:
            written = os.write(file, notes)
            if written < len(notes):
                os.ftruncate(file, self._size)
        except OSError as error:
            raise StoreError(self._failure(error)) from error
        if written < len(notes):
            raise StoreError(self._failure("there is no room for it"))
        self._size += written
        self._tail = b""
        return file

    def _sync(self, file: int) -> None:
        try:
            os.fsync(file)
            if not self._named:
                sync_folder(os.path.dirname(self.path))  # noqa: PTH120 - as below
                self._named = True
        except OSError as error:
            raise StoreError(self._failure(error)) from error

    def _failure(self, cause: object) -> str:
        return f"a note could not be kept in {self.path}: {cause}"

    def clear(self) -> None:
        """Forget the notes: what they say is committed."""
        self._tail = b""
        self._size = 0
        if self._file is not None:
            os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Close the file and leave it; what cannot be written any more is not, and nobody waits for the lock."""
        if self._file is not None:
            try:
                self.flush()
            finally:
                os.close(self._file)
                self._file = None

    def remove(self) -> None:
        """Close the file and take it away."""
        if self._file is not None:
            self.close()
            remove_notes(self.path)


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a loss of power, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    file = os.open(folder or ".", os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def is_abandoned(path: str) -> bool:
    """Whether the worker that made this file of notes is dead: the file is there, and nobody holds its lock."""
    if fcntl is None:
        return False
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def sweep_notes(database: str, named: Container[str]) -> None:
    """Take away the files of dead workers that no claim names.

    Args:
        database: The path of the database beside which they are.
        named: The files that claims name.
    """
    folder, name = os.path.split(database)
    with os.scandir(folder) as entries:
        for entry in entries:
            # Not the youngest: one that was made this moment may not be locked yet.
            if (
                entry.name.startswith(f"{name}{SUFFIX}")
                and entry.path not in named
                and time() - entry.stat().st_mtime > _YOUNG
                and is_abandoned(entry.path)
            ):
                remove_notes(entry.path)


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
    for mark, rest in _notes(path, token):
        if mark == "?":
            begun = rest
        elif mark == "!":
            settled[begun] = read_outcome(json.loads(rest)) if rest else DONE
            begun = ""
    return settled, [begun] if begun else []


def read_window(path: str, token: str) -> Sequence[str]:
    """Read which effects of a claim are being carried out, or are about to be."""
    window: dict[str, None] = {}
    begun = ""
    for mark, rest in _notes(path, token):
        if mark == ">":
            window = dict.fromkeys(rest.split())
        elif mark == "?":
            begun = rest
        elif mark == "!":
            window.pop(begun, None)
    return list(window)


def _notes(path: str, token: str) -> Iterator[tuple[str, str]]:
    """Read the notes of a claim, each by its mark and what follows."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return
    mine = False
    for line in lines[:-1]:  # The part after the last line break, if any, was never wholly written.
        mark, _, rest = line.decode().partition(" ")
        if mark == "=":
            mine = rest == token
        elif mine:
            yield mark, rest
