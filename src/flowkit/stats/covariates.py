"""Means that are compared after taking out what was known before: CUPED, and the analysis of covariance."""

from __future__ import annotations

from attrs import field, frozen

from flowkit.stats.arithmetic import Number, operations
from flowkit.stats.inputs import choice
from flowkit.stats.means import compare_means, from_estimate
from flowkit.stats.results import SAME, Result
from flowkit.stats.summaries import PairSummary, Summary

__all__ = ["Adjusted", "adjusted_means"]


@frozen(kw_only=True)
class Adjusted:
    """A comparison of means with a covariate taken out.

    Attributes:
        result: Treatment less control, of the adjusted metric.
        theta: How much of the covariate was taken out.
        reduction: The share of the variance that went with it, in both arms together; in [0, 1].
    """

    result: Result
    theta: Number = field(eq=SAME)
    reduction: Number = field(eq=SAME)


def adjusted_means(
    control: PairSummary, treatment: PairSummary, *, method: str = "cuped", confidence: float = 0.95
) -> Adjusted:
    """Compare means of y after taking out what a covariate x from before the experiment explains.

    ``cuped`` (Deng, Xu, Kohavi and Walker, WSDM 2013): theta = cov/var over all units together, then Welch's test of
    y - theta (x - mean x). ``ancova``: theta within the arms, pooled; the t-test of the regression of y on arm and
    x, with n1 + n2 - 3 degrees of freedom, which also counts that theta is estimated.

    Args:
        control: Metric y and covariate x of control, summed up.
        treatment: Those of treatment. The covariate must not depend on the arm: take it from before exposure.
        method: ``cuped`` or ``ancova``.
        confidence: Of the interval, between 0 and 1.

    Returns:
        The comparison; with a covariate that does not vary, that of the plain metric (theta is 0).

    Raises:
        ValueError: A parameter is outside of its range, or for ``ancova`` there are fewer than four units.
    """
    choice("method", method, ("cuped", "ancova"))
    f1, f2 = control.n - 1, treatment.n - 1
    sxx = f1 * control.variance_x + f2 * treatment.variance_x
    sxy = f1 * control.covariance + f2 * treatment.covariance
    syy = f1 * control.variance_y + f2 * treatment.variance_y
    shift_x, shift_y = treatment.mean_x - control.mean_x, treatment.mean_y - control.mean_y
    between = control.n * (treatment.n / (control.n + treatment.n))
    ops = operations(sxx + syy)
    if method == "ancova":
        theta = _share(sxy, sxx)
        left = ops.greatest(syy - theta * sxy, 0.0)
        df = control.n + treatment.n - 3
        error = left / df * (1 / between + shift_x * shift_x / ops.where(sxx == 0, 1.0, sxx))
        result = from_estimate(shift_y - theta * shift_x, error, df, confidence=confidence, method="ancova")
    else:
        theta = _share(sxy + between * shift_x * shift_y, sxx + between * shift_x * shift_x)
        arms = [_without(control, theta, 0.0), _without(treatment, theta, treatment.mean_x - control.mean_x)]
        result = compare_means(arms[0], arms[1], confidence=confidence)
        left = f1 * arms[0].variance + f2 * arms[1].variance
    reduction = ops.where(syy == 0, 0.0, 1 - left / ops.where(syy == 0, 1.0, syy))
    return Adjusted(result=result, theta=theta, reduction=ops.least(ops.greatest(reduction, 0.0), 1.0))


def _share(covariation: Number, variation: Number) -> Number:
    ops = operations(variation)
    theta: Number = ops.where(variation == 0, 0.0, covariation / ops.where(variation == 0, 1.0, variation))
    return theta


def _without(arm: PairSummary, theta: Number, shift: Number) -> Summary:
    """Sum up y - theta (x - a constant) of one arm; the constant is the same for both."""
    variance = arm.variance_y - 2 * theta * arm.covariance + theta * theta * arm.variance_x
    ops = operations(variance)
    return Summary(n=arm.n, mean=arm.mean_y - theta * shift, variance=ops.greatest(variance, 0.0))
