"""Which frozen inputs a batch lets go of."""

from __future__ import annotations

from itertools import chain

from flowkit.ports import Changes, Intake, Move, parts_of

__all__ = ["thawed"]


def thawed(changes: Changes, *, frozen: bool) -> list[int]:
    """Give the handles of runs whose effects are settled, and are not tried again under the same key.

    Args:
        changes: What is written.
        frozen: Whether inputs were kept under the claim.
    """
    own = [part.moves for part in parts_of(changes.changes) if not isinstance(part, Intake) and part.moves]
    moves = chain(changes.moves, *own)
    over = [move.runs for move in moves if not move.state.keeps_inputs and (frozen or _ends_trying(move))]
    return [run.handle for runs in over for run in runs]


def _ends_trying(move: Move) -> bool:
    """Whether runs, which stand alike, end before an effect that they were to try again."""
    return not move.state.alive and bool(move.runs) and move.runs[0].state.keeps_inputs
