"""Difference in accuracy of A and B, with a confidence interval and McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Correct = NDArray[np.bool_]
Floats = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Accuracy of A minus that of B, in points.

    Attributes
    ----------
    mean : float
        Mean over seeds and test samples.
    low, high : float
        Ends of the 95 % interval.
    """

    mean: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class McNemar:
    """McNemar's test (1947) of A and B with one seed.

    Attributes
    ----------
    only_a, only_b : int
        Number of test samples that only A, only B classifies correctly.
    p : float
        Exact two-sided p-value that both numbers have the same expectation.
    """

    only_a: int
    only_b: int
    p: float


def paired_difference(a: Correct, b: Correct) -> Difference:
    """Difference of two sides with a 95 % interval over draws of shots (seeds) and over test samples.

    `a` and `b` (s, m) state which test samples each side classifies correctly, for the same seeds.

    Seeds and test samples are crossed. The variance of the mean is that of the seeds' means plus that of the samples'
    means; it counts the interaction twice, so the interval is slightly too wide (Owen, 2007, "The pigeonhole
    bootstrap"). Degrees of freedom follow Satterthwaite. With one seed the interval is over test samples only.
    """
    gaps = 100.0 * (a.astype(np.float64) - b)
    return _difference(float(gaps.mean()), [gaps.mean(axis=1), gaps.mean(axis=0)])


def unpaired_difference(a: Correct, b: Correct) -> Difference:
    """Difference of A (s, m) and B (s, m') on different test samples: the variances of both sides add up."""
    x, y = (100.0 * correct.astype(np.float64) for correct in (a, b))
    return _difference(float(x.mean() - y.mean()), [side.mean(axis=axis) for side in (x, y) for axis in (1, 0)])


def _difference(mean: float, samples: list[Floats]) -> Difference:
    """The interval of a mean whose variance is the sum of the variances of the samples' averages."""
    from scipy import stats

    variances = [(float(x.var(ddof=1) / len(x)), len(x)) for x in samples if len(x) > 1]
    variance = sum(v for v, _ in variances)
    if not variance:
        return Difference(mean, mean, mean)
    freedom = variance**2 / sum(v**2 / (count - 1) for v, count in variances)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(variance))
    return Difference(mean, mean - half, mean + half)


def mcnemar(a: Correct, b: Correct) -> McNemar:
    """Compare which of the same test samples (m,) A and B classify correctly."""
    from scipy import stats

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, float(p))
