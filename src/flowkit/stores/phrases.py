"""Texts that many rows share are written once, as phrases, and named by number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

__all__ = ["Phrases"]

_KEPT: Final = 20_000
_LONGEST: Final = 2_000


class Phrases:
    """The phrases that this process knows, by text and by number.

    What a transaction adds is known to others only after its commit; a roll-back forgets it. A text becomes a phrase where
    it comes for many rows at once, or for the second time within the last few thousand texts.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._once: OrderedDict[str, None] = OrderedDict()
        self._added: dict[str, int] = {}

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

    def text(self, place: int | str, read: Callable[[int], str]) -> str:
        """Give the text that a row holds.

        Args:
            place: What ``place`` gave.
            read: Reads a phrase that is not known yet.
        """
        if isinstance(place, str):
            return place
        text = self._texts.get(place)
        if text is None:
            text = read(place)
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
