"""Texts that many rows share: kept once a partition, and named by digest.

The digest says what the text is, so no row can ever come to mean another text; and a script that writes a row which
names one sees to it that it is kept, in the same step.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from flowkit.errors import StoreError
from flowkit.runs.model import State
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Wire
from flowkit.stores.rows import read_state

__all__ = ["Lexicon", "Names", "Reader"]

_KEPT: Final = 20_000
_SHORTEST: Final = 24
_LONGEST: Final = 2_000
_MARK: Final = "#"


class Lexicon:
    """The shared texts that this process knows, by digest.

    Args:
        wire: Reads those that it does not know.
        layout: Where they lie.
    """

    def __init__(self, wire: Wire, layout: Layout) -> None:
        self._wire = wire
        self._layout = layout
        self._texts: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._once: OrderedDict[str, None] = OrderedDict()
        self._states: dict[str, State] = {}
        self._stored: set[tuple[int, str]] = set()

    def digest(self, text: str, rows: int) -> str | None:
        """Name a text that is worth to be shared: it comes for many rows, or for the second time."""
        digest = self._digests.get(text)
        if digest is not None or not _SHORTEST < len(text) < _LONGEST:
            return digest
        if rows == 1 and text not in self._once:
            self._once[text] = None
            if len(self._once) > _KEPT:
                self._once.popitem(last=False)
            return None
        digest = urlsafe_b64encode(blake2b(text.encode(), digest_size=9).digest()).decode()
        self._learn(digest, text)
        return digest

    def _learn(self, digest: str, text: str) -> None:
        if len(self._texts) >= _KEPT:
            self._texts.clear()
            self._digests.clear()
        self._texts[digest] = text
        self._digests[text] = digest

    def is_stored(self, part: int, digest: str) -> bool:
        """Whether a partition is known to keep a text."""
        return (part, digest) in self._stored

    def stored(self, part: int, digests: Iterable[str]) -> None:
        """Take note that a partition keeps texts."""
        if len(self._stored) >= _KEPT * 8:
            self._stored.clear()
        self._stored.update((part, digest) for digest in digests)

    def reader(self, part: int, places: Iterable[str]) -> Reader:
        """Make what reads the rows of a partition, with all texts at hand that they name.

        Raises:
            StoreError: One of them is missing.
        """
        texts = {place[1:]: self._texts.get(place[1:]) for place in places if place.startswith(_MARK)}
        unknown = sorted(digest for digest, text in texts.items() if text is None)
        found: Sequence[Any] = self._wire.run("texts", self._layout.base(part), {"digests": unknown}) if unknown else ()
        for digest, text in zip(unknown, found, strict=True):
            if text is None:
                message = f"the text {digest} that rows name is missing: the server has lost a part of what it kept"
                raise StoreError(message)
            texts[digest] = text
            self._learn(digest, text)
        return Reader(texts, self._states)


class Reader:
    """Reads what rows hold, or name.

    Args:
        texts: The texts that they name, by digest.
        states: States that were read before, by what a row holds.
    """

    def __init__(self, texts: Mapping[str, str | None], states: dict[str, State]) -> None:
        self._texts = texts
        self._states = states

    def text(self, place: str) -> str:
        """Give the text that a row holds, or that it names."""
        return (self._texts[place[1:]] or "") if place.startswith(_MARK) else place

    def state(self, place: str) -> State:
        """Give the state that a row holds, or names."""
        state = self._states.get(place)
        if state is None:
            if len(self._states) >= _KEPT:
                self._states.clear()
            state = self._states[place] = read_state(self.text(place))
        return state


class Names:
    """The shared texts that one batch names in one partition.

    Args:
        lexicon: All that is known.
        part: The partition.
    """

    def __init__(self, lexicon: Lexicon, part: int) -> None:
        self._lexicon = lexicon
        self._part = part
        self._used: dict[str, str] = {}

    def place(self, text: str, rows: int = 1) -> str:
        """Say what a row is to hold for a text: the digest behind its mark, or the text itself."""
        digest = self._lexicon.digest(text, rows)
        if digest is None:
            return text
        self._used[digest] = text
        return _MARK + digest

    @property
    def used(self) -> Sequence[str]:
        """The digests of all of them."""
        return list(self._used)

    def new(self) -> dict[str, str]:
        """Give those that the partition is not known to keep, by digest."""
        return {digest: text for digest, text in self._used.items() if not self._lexicon.is_stored(self._part, digest)}

    def of(self, digests: Iterable[str]) -> dict[str, str]:
        """Give some of them."""
        return {digest: self._used[digest] for digest in digests}

    def written(self) -> None:
        """Take note that the partition keeps all of them."""
        self._lexicon.stored(self._part, self._used)
