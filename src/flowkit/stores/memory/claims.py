"""A claim as it is kept, with the notes of its worker."""

from __future__ import annotations

from attrs import define, field

from flowkit.runs.effects import Outcome

__all__ = ["Held"]


@define(eq=False)
class Held:
    """A claim as it is kept: the notes survive the worker, as a file beside a database would.

    ``window`` has what is being handed over: subscribers by the keys of their effects.
    """

    handles: tuple[int, ...]
    until: float
    at: int = 0
    settled: dict[str, Outcome] = field(factory=dict[str, Outcome])
    doubtful: dict[str, int] = field(factory=dict[str, int])
    begun: dict[str, None] = field(factory=dict[str, None])
    instants: dict[str, int] = field(factory=dict[str, int])
    window: dict[str, str] = field(factory=dict[str, str])
    deaths: int = 0
    released: bool = False

    def begin(self, key: str, *, durable: bool = False) -> None:
        """Note that the call for this key begins; nothing here survives a loss of power."""
        self.begun[key] = None
        self.instants[key] = self.at

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how it ended."""
        self.begun.pop(key, None)
        self.window.pop(key, None)
        if self.doubtful:
            self.doubtful.pop(key, None)
        self.settled[key] = outcome

    def flush(self) -> None:
        """Nothing waits: every note is kept at once."""
