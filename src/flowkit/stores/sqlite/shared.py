"""What every session of one store shares: what was read and written before, and the notes of claims that are held."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from flowkit.runs.model import State
from flowkit.stores.phrases import Phrases, Texts
from flowkit.stores.sqlite.notes import SUFFIX, NoteFile
from flowkit.stores.sqlite.tides import Tide, Tides

__all__ = ["Shared"]


class Shared:
    """What every session of one store shares: nothing in it is changed by a transaction before its commit."""

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self.path = path
        self.clock = clock
        self.phrases = Phrases()
        self.texts = Texts()
        self.states: dict[int | str, State] = {}
        self.workflows: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.workflow_of: dict[int, str] = {}
        self.notes: dict[str, NoteFile] = {}
        self.idle: list[NoteFile] = []
        self.freezing: set[str] = set()
        self.tides = Tides()

    def spare_notes(self) -> NoteFile:
        """Open the notes that the next claim will have, made where none are left over."""
        if not self.idle:
            self.idle.append(NoteFile(f"{self.path}{SUFFIX}{token_hex(8)}"))
        notes = self.idle[-1]
        notes.open()
        return notes

    def begin_claim(self, token: str, notes: NoteFile, tide: Tide) -> None:
        """Begin the notes of a claim, and note at which tide its runs were read."""
        notes.begin_claim(token)
        self.notes[token] = notes
        self.tides.claim(token, tide)

    def release_claim(self, token: str) -> None:
        """Close the notes of a claim that is given back: they are for whoever takes it over."""
        self.tides.end(token)
        notes = self.notes.pop(token, None)
        if notes is not None:
            notes.close()

    def end_claim(self, token: str, *, lost: bool) -> None:
        """Forget a claim that has ended or is somebody else's, and keep its notes for another one, or not."""
        self.freezing.discard(token)
        self.tides.end(token)
        notes = self.notes.pop(token, None)
        if notes is None:
            return
        if lost:
            notes.remove()
        else:
            notes.clear()
            self.idle.append(notes)

    def close(self) -> None:
        """Close all notes."""
        for notes in self.idle:
            notes.remove()
        # Those of a claim that did not end are for whoever takes it over.
        for notes in self.notes.values():
            notes.close()
