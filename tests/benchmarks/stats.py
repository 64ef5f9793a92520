"""Measure the statistics against the same formulas written by hand, in turns, by CPU.

    python tests/benchmarks/stats.py
    python tests/benchmarks/stats.py --rounds 15

One test with its interval (Pearson's chi-square and Newcombe) against plain `math`; 100,000 of them at once against
numpy; Holm's adjustment of 1,000 p-values against a loop; the boundaries for five looks, which have no simpler formula,
by themselves. Both sides have to give the same digits, or there is no figure. Ratios are medians over rounds, with the
lowest and the highest: how many times as long flowkit takes.
"""

from __future__ import annotations

import argparse
import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from statistics import NormalDist, median

import numpy as np
from scipy.special import erfc

from flowkit.stats import adjust, boundaries, compare_proportions

MANY = 100_000
Z = NormalDist().inv_cdf(0.975)
TABLE = (500, 10_000, 570, 10_000)


class WrongAnswerError(Exception):
    """The two sides differ."""


def by_math(x1: int, n1: int, x2: int, n2: int) -> tuple[float, float, float]:
    """Compute p and the interval of one comparison."""
    p1, p2, pooled = x1 / n1, x2 / n2, (x1 + x2) / (n1 + n2)
    z = (p2 - p1) / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    bounds = []
    for p, n in ((p1, n1), (p2, n2)):
        middle = p + Z * Z / (2 * n)
        half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        bounds.append(((middle - half) / (1 + Z * Z / n), (middle + half) / (1 + Z * Z / n)))
    (low1, high1), (low2, high2) = bounds
    difference = p2 - p1
    low = difference - math.sqrt((p2 - low2) ** 2 + (high1 - p1) ** 2)
    high = difference + math.sqrt((high2 - p2) ** 2 + (p1 - low1) ** 2)
    return math.erfc(abs(z) / math.sqrt(2)), low, high


def by_numpy(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray) -> tuple[np.ndarray, ...]:
    """Compute p and the intervals of many comparisons."""
    p1, p2, pooled = x1 / n1, x2 / n2, (x1 + x2) / (n1 + n2)
    z = (p2 - p1) / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    bounds = []
    for p, n in ((p1, n1), (p2, n2)):
        middle = p + Z * Z / (2 * n)
        half = Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        bounds.append(((middle - half) / (1 + Z * Z / n), (middle + half) / (1 + Z * Z / n)))
    (low1, high1), (low2, high2) = bounds
    difference = p2 - p1
    low = difference - np.sqrt((p2 - low2) ** 2 + (high1 - p1) ** 2)
    high = difference + np.sqrt((high2 - p2) ** 2 + (p1 - low1) ** 2)
    return erfc(np.abs(z) / math.sqrt(2)), low, high


def holm_by_loop(ps: Sequence[float]) -> list[float]:
    """Adjust p-values one by one."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def spent(call: Callable[[], object], times: int) -> float:
    """Take the CPU seconds of one call, of so many."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        for _ in range(times):
            call()
        return (time.process_time() - start) / times
    finally:
        gc.enable()


def same(ours: Sequence[object], theirs: Sequence[object]) -> None:
    """See that both sides say the same."""
    if not all(np.allclose(one, other, rtol=1e-9, atol=1e-13) for one, other in zip(ours, theirs, strict=True)):
        raise WrongAnswerError(ours, theirs)


def compared(ours: Callable[[], object], theirs: Callable[[], object], *, times: int, rounds: int) -> tuple[float, ...]:
    """Give the ratio (median, lowest, highest), and the seconds of one call of ours."""
    ratios, seconds = [], []
    for turn in range(rounds):
        sides = (ours, theirs) if turn % 2 else (theirs, ours)
        took = {side: spent(side, times) for side in sides}
        ratios.append(took[ours] / took[theirs])
        seconds.append(took[ours])
    return median(ratios), min(ratios), max(ratios), median(seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="The statistics against the same formulas by hand.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    rng = np.random.default_rng(options.seed)
    x1, x2, n = rng.binomial(10_000, 0.05, MANY), rng.binomial(10_000, 0.055, MANY), np.full(MANY, 10_000)
    ps = rng.random(1_000)
    listed = ps.tolist()

    one, many = compare_proportions(*TABLE), compare_proportions(x1, n, x2, n)
    same((one.p, one.interval.low, one.interval.high), by_math(*TABLE))
    if "scipy.stats" in sys.modules:
        raise WrongAnswerError("scipy.stats was imported")
    same((many.p, many.interval.low, many.interval.high), by_numpy(x1, n, x2, n))
    same(adjust(ps).tolist(), holm_by_loop(listed))

    rows = [
        ("one test with interval, against math", 5_000, lambda: compare_proportions(*TABLE), lambda: by_math(*TABLE)),
        (
            "100,000 tests at once, against numpy",
            5,
            lambda: compare_proportions(x1, n, x2, n),
            lambda: by_numpy(x1, n, x2, n),
        ),
        ("Holm of 1,000, against a loop", 200, lambda: adjust(ps), lambda: holm_by_loop(listed)),
    ]
    print("| what | x by hand (range) | microseconds |\n|--|--:|--:|")
    for name, times, ours, theirs in rows:
        ratio, low, high, seconds = compared(ours, theirs, times=times, rounds=options.rounds)
        print(f"| {name} | {ratio:.2f} ({low:.2f}-{high:.2f}) | {seconds * 1e6:,.1f} |")
    # A new alpha every time: what has been computed is kept.
    alphas = iter(np.linspace(0.01, 0.1, 4 * options.rounds).tolist())
    for method in ("obrien_fleming", "pocock", "obrien_fleming_type", "pocock_type"):
        took = [
            spent(lambda method=method: boundaries(5, alpha=next(alphas), method=method), 1)
            for _ in range(options.rounds)
        ]
        print(f"| five looks, {method} | | {median(took) * 1e6:,.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
