"""Who takes part, and in which arm: derived from ids alone, so that every process comes to the same.

Three lots are drawn for a unit, each with a salt of its own: the place in the layer, the exposure, and the arm. A woven
workflow draws the same ones, so what is said here is what the engine does, but for what it has stored before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from flowkit.conditions import AllOf, Condition, Not, Sample, Segments
from flowkit.experiments.model import Experiment
from flowkit.hashing import assign, digest64

__all__ = ["Enrolment", "Standing", "arm_of", "enrol", "exclusions", "gate", "held_out", "split_of"]

_WHOLE: Final = 2.0**64
_ALL: Final = 100.0


class Standing(StrEnum):
    """Whether somebody takes part."""

    ASSIGNED = "assigned"
    """In an arm."""
    OTHER_SLOT = "other_slot"
    """Its layer has it elsewhere: in another experiment, or held out from all of them."""
    NOT_EXPOSED = "not_exposed"
    """Left out, since only a share of all is exposed."""


class Enrolment(NamedTuple):
    """What is drawn for a unit.

    Attributes:
        standing: Whether it takes part.
        arm: The arm; None where it does not.
    """

    standing: Standing
    arm: str | None = None


def split_of(experiment_id: str) -> str:
    """Name what the assignments of an experiment belong to, as the store keeps them; it is their salt too."""
    return f":{experiment_id}"


def arm_of(experiment: Experiment, unit: str) -> str:
    """Draw the arm of a unit that has none stored yet, whether or not it takes part."""
    return assign(split_of(experiment.experiment_id), unit, experiment.weights)


def enrol(experiment: Experiment, unit: str, *, stored: str | None = None) -> Enrolment:
    """Say whether a unit takes part, and in which arm; the audience is not asked.

    Args:
        experiment: The experiment.
        unit: Who: a subscriber id.
        stored: The arm that it was assigned before, if any; it stays in it, whatever the weights are by now.
    """
    layer = experiment.layer
    if layer is not None:
        salt = _layer_salt(layer.layer_id)
        if not _below(salt, unit, layer.end) or (layer.start > 0 and _below(salt, unit, layer.start)):
            return Enrolment(Standing.OTHER_SLOT)
    if not _below(_exposure_salt(experiment), unit, experiment.exposure):
        return Enrolment(Standing.NOT_EXPOSED)
    labels = {variant.variant_id for variant in experiment.variants}
    return Enrolment(Standing.ASSIGNED, stored if stored in labels else arm_of(experiment, unit))


def gate(experiment: Experiment) -> Condition | None:
    """Write who takes part as a condition that a workflow can ask; None where everybody does."""
    asked: list[Condition] = []
    audience = experiment.audience
    if audience.segments or audience.exclude_segments:
        asked.append(Segments(any=audience.segments, none=audience.exclude_segments))
    layer = experiment.layer
    if layer is not None:
        salt = _layer_salt(layer.layer_id)
        if layer.end < _ALL:
            asked.append(Sample(layer.end, salt))
        if layer.start > 0:
            asked.append(Not(Sample(layer.start, salt)))
    if experiment.exposure < _ALL:
        asked.append(Sample(experiment.exposure, _exposure_salt(experiment)))
    if not asked:
        return None
    return asked[0] if len(asked) == 1 else AllOf(tuple(asked))


def exclusions(experiments: Iterable[Experiment]) -> Iterator[tuple[str, str]]:
    """Find experiments of one layer whose slots overlap, and which therefore do not exclude each other.

    Yields:
        The ids of two such experiments, the earlier one first.
    """
    by_layer: dict[str, list[Experiment]] = {}
    for one in experiments:
        if one.layer is None:
            continue
        for other in by_layer.setdefault(one.layer.layer_id, []):
            if other.layer is not None and other.layer.overlaps(one.layer):
                yield other.experiment_id, one.experiment_id
        by_layer[one.layer.layer_id].append(one)


def held_out(experiments: Iterable[Experiment]) -> Mapping[str, float]:
    """Say how much of each layer, in per cent, no experiment has: those are held out from all of them."""
    taken: dict[str, float] = {}
    for one in experiments:
        if one.layer is not None:
            taken[one.layer.layer_id] = taken.get(one.layer.layer_id, 0.0) + one.layer.end - one.layer.start
    return {layer_id: _ALL - share for layer_id, share in taken.items()}


def _below(salt: str, unit: str, percent: float) -> bool:
    """Draw whether a unit is in a sample, to the last bit as the condition ``sample`` of that salt does."""
    return percent >= _ALL or digest64("sample", salt, unit) < percent * (_WHOLE / _ALL)


def _layer_salt(layer_id: str) -> str:
    return f"layer:{layer_id}"


def _exposure_salt(experiment: Experiment) -> str:
    return f"exposure:{experiment.experiment_id}"
