"""What becomes of a claim whose worker died: which of its runs the heir takes, and what was noted about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from flowkit.runs.effects import Outcome
from flowkit.stores.rows import read_outcome, write_outcome

__all__ = ["Estate", "Lapsed", "take_over"]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class Lapsed(NamedTuple):
    """A claim as its worker left it.

    Attributes:
        at: When the worker took it, in microseconds of the engine's clock.
        runs: Its runs, by handle, in order.
        inherited: What workers before had noted, as JSON text of ``Estate.inherited``.
        deaths: How many workers died over it without an effect begun.
        released: Whether it was given back, so that nobody has died.
        settled: The outcomes that its worker noted, by effect key.
        begun: The keys of effects that it had begun and noted no outcome of.
    """

    at: int
    runs: list[int]
    inherited: str
    deaths: int
    released: bool
    settled: Mapping[str, Outcome]
    begun: Sequence[str]


class Estate(NamedTuple):
    """What the heir takes.

    Attributes:
        runs: The runs, by handle, in order.
        rest: The runs that stay for others.
        inherited: What is known of the effects of all of them, as JSON text.
        settled: As in ``Claim``.
        doubtful: As in ``Claim``.
        begun_at: As ``begun`` in ``Claim``.
        deaths: As in ``Claim``.
    """

    runs: list[int]
    rest: list[int]
    inherited: str
    settled: Mapping[str, Outcome]
    doubtful: Mapping[str, int]
    begun_at: Mapping[str, int]
    deaths: int


def take_over(lapsed: Lapsed) -> Estate:
    """Say what the heir of a claim takes.

    A call that was begun and not ended counts as a death against its key. Where none was begun, the first death takes
    the claim over whole; from the second on its runs are taken one at a time, until the one that kills is alone.
    """
    at, runs, inherited, deaths, released, settled, begun = lapsed
    # Of each call how it ended, or in how many workers died; and when.
    known: dict[str, tuple[Any, int]] = json.loads(inherited)
    known.update({key: (write_outcome(outcome), at) for key, outcome in settled.items()})
    for key in begun:
        earlier, _ = known.get(key, (0, at))
        known[key] = (1 + (earlier if isinstance(earlier, int) else 0), at)
    rest: list[int] = []
    if not released and not begun:
        if len(runs) > 1 and deaths:
            runs, rest, deaths = runs[:1], runs[1:], 0
        else:
            deaths += 1
    return Estate(
        runs,
        rest,
        _encode(known),
        {key: read_outcome(told) for key, (told, _) in known.items() if not isinstance(told, int)},
        {key: told for key, (told, _) in known.items() if isinstance(told, int)},
        {key: began for key, (_, began) in known.items()},
        deaths,
    )
