"""Sweeps: the one that is due is held by one worker at a time, and written back by whoever read it last."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from flowkit.ports import Sweep

__all__ = ["Sweeps"]


class Sweeps:
    """Sweeps by name, and until when each is held, in seconds of the lease clock."""

    def __init__(self) -> None:
        self._sweeps: dict[str, Sweep] = {}
        self._until: dict[str, float] = {}

    def all(self) -> Sequence[Sweep]:
        """Give all of them, by name."""
        return [self._sweeps[name] for name in sorted(self._sweeps)]

    def first(self) -> int | None:
        """Tell when the first of them is due, whoever holds it."""
        return min((sweep.due for sweep in self._sweeps.values() if sweep.due is not None), default=None)

    def claim(self, now: int, clock: float, until: float) -> Sweep | None:
        """Hold the one that is due for the longest and that nobody holds.

        Args:
            now: The engine's instant in microseconds.
            clock: The instant of the lease clock, in seconds.
            until: Until when it is held.
        """
        due = [
            (sweep.due, name)
            for name, sweep in self._sweeps.items()
            if sweep.due is not None and sweep.due <= now and self._until[name] <= clock
        ]
        if not due:
            return None
        _, name = min(due)
        self._until[name] = until
        return self._sweeps[name]

    def replace(self, sweep: Sweep) -> None:
        """Write one whatever stands under its name, and let go of that."""
        stored = self._sweeps.get(sweep.name)
        self._sweeps[sweep.name] = evolve(sweep, sequence=1 if stored is None else stored.sequence + 1)
        self._until[sweep.name] = 0.0

    def put(self, sweep: Sweep) -> bool:
        """Write one as it stands now, and let go of it; False where somebody else wrote it first."""
        stored = self._sweeps.get(sweep.name)
        if (0 if stored is None else stored.sequence) != sweep.sequence:
            return False
        self._sweeps[sweep.name] = evolve(sweep, sequence=sweep.sequence + 1)
        self._until[sweep.name] = 0.0
        return True
