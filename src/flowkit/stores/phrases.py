"""Texts that many rows share are written once, as phrases, and named by number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from copy import copy
from typing import Final

from flowkit.runs.model import Entry, State
from flowkit.stores.rows import write_entries, write_state

__all__ = ["Phrases", "Texts"]

_KEPT: Final = 20_000
_LONGEST: Final = 2_000


class Phrases:
    """The phrases that this process knows, by text and by number.

    What a transaction adds is known to others only after its commit; a roll-back forgets it. A text becomes a phrase
    where it comes for many rows at once, or for the second time within the last few thousand texts.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._once: OrderedDict[str, None] = OrderedDict()
        self._added: dict[str, int] = {}

    def fork(self) -> Phrases:
        """Give them for one transaction of several that are open: what it adds is the others' after ``committed``."""
        own = copy(self)
        own._added = {}  # noqa: SLF001 - its own class
        return own

    def knows(self, number: int) -> bool:
        """Whether the text of a phrase is at hand."""
        return number in self._texts

    def learn(self, rows: Iterable[tuple[int, str]]) -> None:
        """Take phrases that are committed."""
        for number, text in rows:
            if len(self._numbers) < _KEPT:
                self._numbers[text] = number
                self._texts[number] = text

    def place(self, text: str, rows: int, write: Callable[[str], int]) -> int | str:
        """Say what a row is to hold for a text: the number of a phrase, or the text itself.

        Args:
            text: The text.
            rows: For how many rows it is wanted now.
            write: Writes a new phrase in the open transaction and gives its number.
        """
        number = self._numbers.get(text) or self._added.get(text)
        if number is not None:
            return number
        if len(self._numbers) >= _KEPT or len(text) > _LONGEST:
            return text
        if rows == 1 and text not in self._once:
            self._once[text] = None
            if len(self._once) > _KEPT:
                self._once.popitem(last=False)
            return text
        self._added[text] = number = write(text)
        return number

    def text(self, place: int | str, read: Callable[[int], str], *, committed: bool) -> str:
        """Give the text that a row holds.

        Args:
            place: What ``place`` gave.
            read: Reads a phrase that is not known yet.
            committed: Whether all that ``read`` can see is committed, so that it may be learnt.
        """
        if isinstance(place, str):
            return place
        text = self._texts.get(place)
        if text is None:
            text = read(place)
            if committed:
                self.learn([(place, text)])
        return text

    def committed(self) -> None:
        """Keep what the transaction added."""
        if self._added:
            self.learn([(number, text) for text, number in self._added.items()])
            self._added = {}

    def rolled_back(self) -> None:
        """Forget what the transaction added."""
        self._added = {}


class Texts:
    """States and entries as they are written; what was written before is not written out again."""

    def __init__(self) -> None:
        self._states: dict[State, str] = {}
        self._entries: dict[int, tuple[tuple[Entry, ...], str]] = {}

    def state(self, state: State) -> str:
        """Write a state."""
        text = self._states.get(state)
        if text is None:
            if len(self._states) >= _KEPT:
                self._states.clear()
            text = self._states[state] = write_state(state)
        return text

    def entries(self, entries: tuple[Entry, ...]) -> str:
        """Write the entries of a step; many runs share one tuple of them, which is known by its identity."""
        known = self._entries.get(id(entries))
        if known is None:
            if len(self._entries) >= _KEPT:
                self._entries.clear()
            # The tuple is kept along, so that its identity stays its own.
            known = self._entries[id(entries)] = (entries, write_entries(entries))
        return known[1]
