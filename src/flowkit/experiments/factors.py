"""The factors of a multivariate experiment: main effects and interactions, over all variants together."""

from __future__ import annotations

import numpy as np

from flowkit.experiments.comparing import bound_of, finite, summary_of, value_of
from flowkit.experiments.findings import FactorEffect
from flowkit.experiments.model import Experiment, MetricKind
from flowkit.experiments.tallies import Tally
from flowkit.stats import adjust, factorial_means, factorial_rates

__all__ = ["effects_of"]

_LEAST = 2


def effects_of(experiment: Experiment, tally: Tally) -> tuple[FactorEffect, ...]:
    """Estimate the effects of the factors on the primary metric; none where a variant has too few units.

    A main effect is the mean of the simple differences from the control's level over all levels of the other factors.
    """
    metric = experiment.primary
    base = experiment.variant(experiment.control).levels
    factors = list(base)
    levels = {
        factor: list(dict.fromkeys([base[factor], *(one.levels[factor] for one in experiment.variants)]))
        for factor in factors
    }
    shape = tuple(len(levels[factor]) for factor in factors)
    first, second = np.zeros(shape), np.zeros(shape)
    for variant in experiment.variants:
        arm = tally.arm(variant.variant_id)
        if arm.units < _LEAST or metric.kind is MetricKind.RATIO:
            return ()
        cell = tuple(levels[factor].index(variant.levels[factor]) for factor in factors)
        if metric.kind is MetricKind.RATE:
            first[cell], second[cell] = arm.of(metric.name).total, arm.units
        else:
            summary = summary_of(metric, arm)
            first[cell], second[cell] = value_of(metric, arm) or 0.0, float(summary.variance) / arm.units
    if metric.kind is MetricKind.RATE:
        effects = factorial_rates(first, second, confidence=experiment.confidence)
    else:
        effects = factorial_means(first, second, confidence=experiment.confidence)
    better = adjust([float(one.result.p) for one in effects], "holm").tolist()
    return tuple(
        FactorEffect(
            factors={
                factors[axis]: levels[factors[axis]][level] for axis, level in zip(one.factors, one.levels, strict=True)
            },
            estimate=finite(one.result.estimate),
            interval=bound_of(one.result.interval),
            p=float(one.result.p),
            adjusted_p=float(corrected),
            reasons=tuple(map(str, one.result.reasons)),
        )
        for one, corrected in zip(effects, better, strict=True)
    )
