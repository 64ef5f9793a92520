"""The inputs of calls to receivers that honour keys: those of the first attempt, so that a retry is the same call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from flowkit.engine.drive import resolve
from flowkit.engine.jobs import Job, named
from flowkit.engine.parts import Parts
from flowkit.ports import Claim
from flowkit.runs.effects import Outcome, Result

__all__ = ["first_inputs"]

_MICROSECOND: Final = timedelta(microseconds=1)
_TOO_LATE: Final = Outcome(Result.UNKNOWN, "the receiver honours the key of the first attempt no more")
_encode: Final = json.JSONEncoder(separators=(",", ":"), default=str).encode


async def first_inputs(
    parts: Parts, claim: Claim, job: Job, known: Mapping[int, Sequence[object]], now: int, key_window: timedelta
) -> Mapping[int, list[Any]]:
    """Take the inputs of the first attempt; where the receiver has forgotten its key since, nobody may call.

    Args:
        parts: The ports.
        claim: The claim under which the call is made.
        job: The effects; those that cannot be called get their outcome.
        known: What each call would be made from now, by its place in the job.
        now: The engine's instant in microseconds.
        key_window: For how long the receiver honours a key.

    Returns:
        What each call is made from, by its place in the job.
    """
    keys: dict[int, str] = {}
    inputs: dict[str, str] = {}
    for index, values in known.items():
        key = job.runs[index].id + job.effect.suffix
        try:
            inputs[key] = _encode([now, *values])
        except (TypeError, ValueError, RecursionError) as error:
            job.outcomes[index] = Outcome(Result.FAILED, f"attributes that JSON cannot hold ({named(error)})")
        else:
            keys[index] = key
    kept = await resolve("store.freeze", parts.store.freeze(claim, inputs))
    frozen: dict[int, list[Any]] = {}
    for index, key in keys.items():
        first, *values = json.loads(kept[key])
        if now - first >= key_window // _MICROSECOND:
            job.outcomes[index] = _TOO_LATE
        else:
            frozen[index] = values
    return frozen
