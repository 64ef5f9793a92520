"""What is believed of each arm after the data: beta distributions of rates, normal distributions of means."""

from __future__ import annotations

import math

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array
from flowkit.stats.inputs import LARGEST, fraction, number, series
from flowkit.stats.results import SAME, Interval

__all__ = ["Beliefs", "Betas", "Normals", "beta_posterior", "normal_posterior"]


@frozen(kw_only=True)
class Betas:
    """A beta(a, b) distribution of the rate of each arm.

    Attributes:
        a: For each arm, over 0.
        b: For each arm, over 0.
    """

    a: Array = field(eq=SAME)
    b: Array = field(eq=SAME)

    def below(self, t: Array) -> Array:
        """P(rate <= t) of each arm (rows) at each t (columns)."""
        from scipy.special import betainc  # noqa: PLC0415 - imported by those who need it

        chances: Array = np.asarray(
            betainc(self.a[:, None], self.b[:, None], np.clip(t, 0, 1)[None, :]), dtype=np.float64
        )
        return chances

    def above(self, t: Array) -> Array:
        """P(rate > t), computed as a tail."""
        from scipy.special import betaincc  # noqa: PLC0415 - imported by those who need it

        chances: Array = np.asarray(
            betaincc(self.a[:, None], self.b[:, None], np.clip(t, 0, 1)[None, :]), dtype=np.float64
        )
        return chances

    def density(self, t: Array) -> Array:
        """The density of each arm (rows) at each t (columns), t strictly inside of (0, 1)."""
        from scipy.special import betaln, xlog1py, xlogy  # noqa: PLC0415 - imported by those who need it

        a, b, at = self.a[:, None], self.b[:, None], t[None, :]
        return np.exp(xlogy(a - 1, at) + xlog1py(b - 1, -at) - betaln(a, b))

    def means(self) -> Array:
        """The mean of each arm."""
        return self.a / (self.a + self.b)

    def quantile(self, p: float) -> Array:
        """Where P(rate <= t) = p, of each arm."""
        from scipy.special import betaincinv  # noqa: PLC0415 - imported by those who need it

        return np.asarray(betaincinv(self.a, self.b, p), dtype=np.float64)

    def quantile_above(self, p: float) -> Array:
        """Where P(rate > t) = p, of each arm."""
        from scipy.special import betaincinv  # noqa: PLC0415 - imported by those who need it

        return 1 - np.asarray(betaincinv(self.b, self.a, p), dtype=np.float64)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Give the central credible interval of each arm."""
        half = (1 - fraction("confidence", confidence)) / 2
        return Interval(
            low=self.quantile(half), high=self.quantile_above(half), confidence=confidence, method="credible"
        )


@frozen(kw_only=True)
class Normals:
    """A normal distribution of the mean of each arm.

    Attributes:
        mean: For each arm.
        variance: For each arm, over 0.
    """

    mean: Array = field(eq=SAME)
    variance: Array = field(eq=SAME)

    def below(self, t: Array) -> Array:
        """P(mean <= t) of each arm (rows) at each t (columns)."""
        from scipy.special import ndtr  # noqa: PLC0415 - imported by those who need it

        return ndtr((t[None, :] - self.mean[:, None]) / np.sqrt(self.variance)[:, None])

    def above(self, t: Array) -> Array:
        """P(mean > t), computed as a tail."""
        from scipy.special import ndtr  # noqa: PLC0415 - imported by those who need it

        return ndtr((self.mean[:, None] - t[None, :]) / np.sqrt(self.variance)[:, None])

    def density(self, t: Array) -> Array:
        """The density of each arm (rows) at each t (columns)."""
        error = np.sqrt(self.variance)[:, None]
        return np.exp(-0.5 * np.square((t[None, :] - self.mean[:, None]) / error)) / (error * math.sqrt(2 * math.pi))

    def means(self) -> Array:
        """The mean of each arm."""
        return self.mean

    def quantile(self, p: float) -> Array:
        """Where P(mean <= t) = p, of each arm."""
        from scipy.special import ndtri  # noqa: PLC0415 - imported by those who need it

        return self.mean + float(ndtri(p)) * np.sqrt(self.variance)

    def quantile_above(self, p: float) -> Array:
        """Where P(mean > t) = p, of each arm."""
        from scipy.special import ndtri  # noqa: PLC0415 - imported by those who need it

        return self.mean - float(ndtri(p)) * np.sqrt(self.variance)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Give the central credible interval of each arm."""
        half = (1 - fraction("confidence", confidence)) / 2
        return Interval(
            low=self.quantile(half), high=self.quantile_above(half), confidence=confidence, method="credible"
        )


Beliefs = Betas | Normals


def beta_posterior(x: ArrayLike, n: ArrayLike, *, a: float = 1.0, b: float = 1.0) -> Betas:
    """Learn rates: beta(a + x, b + n - x) for each arm.

    Args:
        x: Successes, one for each arm.
        n: Units, one for each arm; 0 leaves the prior.
        a: Of the prior, over 0: successes seen before, as it were. 1 and 1 is the uniform prior.
        b: Of the prior, over 0.

    Raises:
        ValueError: A parameter is no count or outside of its range, or the lengths differ.
    """
    successes, units = series("x", x), series("n", n)
    if successes.size != units.size:
        raise ValueError(f"the lengths differ: x {successes.size} and n {units.size}")
    for name, values in (("x", successes), ("n", units)):
        if np.any(values < 0) or np.any(values > LARGEST) or np.any(values % 1 != 0):
            raise ValueError(f"{name} must hold whole numbers of at least 0")
    if np.any(successes > units):
        raise ValueError("x is larger than n: there cannot be more successes than units")
    return Betas(a=number("a", a, above=0.0) + successes, b=number("b", b, above=0.0) + units - successes)


def normal_posterior(
    mean: ArrayLike, variance: ArrayLike, *, prior_mean: float = 0.0, prior_variance: float = math.inf
) -> Normals:
    """Learn means: precisions add up, and means are weighted by them.

    Args:
        mean: The estimate for each arm.
        variance: Its variance (the square of its standard error), over 0.
        prior_mean: What was believed before, of every arm.
        prior_variance: How vaguely, over 0; infinite lets the data speak alone.

    Raises:
        ValueError: A parameter is outside of its range, or the lengths differ.
    """
    means, variances = series("mean", mean), series("variance", variance)
    if means.size != variances.size:
        raise ValueError(f"the lengths differ: mean {means.size} and variance {variances.size}")
    if not np.all(np.isfinite(means)) or not np.all(np.isfinite(variances)) or np.any(variances <= 0):
        raise ValueError("mean must be finite, and variance finite and over 0")
    if not prior_variance > 0:
        raise ValueError("prior_variance must be over 0")
    before = 1 / prior_variance
    after = 1 / (1 / variances + before)
    return Normals(mean=after * (means / variances + number("prior_mean", prior_mean) * before), variance=after)
