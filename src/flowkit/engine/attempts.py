"""How often something is decided and written anew, since others wrote in between."""

from __future__ import annotations

from typing import Final

__all__ = ["Attempts"]

_CONFLICTS: Final = 8
_PUBLICATIONS: Final = 256


class Attempts:
    """What is left of them.

    Who writes to the same subscriber is in a race with us, and few such races are lost in a row. What is published or
    ordered meanwhile sends everybody back whoever is concerned, however often that is, so it has a budget of its own.
    """

    def __init__(self) -> None:
        self._conflicts = _CONFLICTS
        self._publications = _PUBLICATIONS

    @property
    def left(self) -> bool:
        """Whether it may be tried once more."""
        return self._conflicts > 0 and self._publications > 0

    def lost(self, *, outdated: bool) -> None:
        """Count an attempt that came to nothing, wholly or in part.

        Args:
            outdated: Whether what it was decided under had changed, and nothing else.
        """
        if outdated:
            self._publications -= 1
        else:
            self._conflicts -= 1
