"""The frozen inputs of effects: an effect that is tried again is made from what it was made from first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Run

__all__ = ["Frozen"]


class Frozen:
    """Inputs by run and by the key of the effect."""

    def __init__(self) -> None:
        self._inputs: dict[str, dict[str, str]] = {}

    def freeze(self, runs: Iterable[Run], inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep inputs of some runs' effects; see ``Store.freeze``."""
        frozen = {run.id: self._inputs.setdefault(run.id, {}) for run in runs}
        return {key: frozen[key[:RUN_ID_LENGTH]].setdefault(key, text) for key, text in inputs.items()}

    def thaw(self, runs: Iterable[Run]) -> None:
        """Let go of all inputs of runs."""
        if self._inputs:
            for run in runs:
                self._inputs.pop(run.id, None)
