"""Two choices on the same shots and the same test samples: how much they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Right = NDArray[np.bool_]
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """How much more A gets right than B, in points.

    Attributes
    ----------
    mean : float
        Over seeds and test samples.
    low, high : float
        Ends of the 95 % interval.
    per_seed : ndarray of shape (s,)
    """

    mean: float
    low: float
    high: float
    per_seed: NDArray[np.float64]

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class McNemar:
    """Test samples on which one seed's A and B differ.

    Attributes
    ----------
    only_a, only_b : int
        Samples that A alone, B alone gets right.
    p : float
        Exact two-sided p-value that both are as likely (McNemar, 1947).
    """

    only_a: int
    only_b: int
    p: float


def paired_difference(a: Right, b: Right) -> Difference:
    """Difference in accuracy with a 95 % interval over both draws of shots and test samples.

    Seeds and test samples are crossed: the variance of the mean is taken as that of the seeds' means plus that of the
    samples' means, which counts what is particular to a pair of both twice and so is a little cautious (Owen, 2007,
    "The pigeonhole bootstrap"). Degrees of freedom after Satterthwaite. With one seed it is over test samples alone.

    Parameters
    ----------
    a, b : ndarray of shape (s, m)
        Which test samples each gets right, for the same seeds.
    """
    from scipy import stats

    d = 100.0 * (a.astype(np.float64) - b)
    mean = float(d.mean())
    parts = [(_variance(means), len(means)) for means in (d.mean(axis=1), d.mean(axis=0)) if len(means) > 1]
    squared = sum(v for v, _ in parts)
    if not squared:
        return Difference(mean, mean, mean, d.mean(axis=1))
    freedom = squared**2 / sum(v**2 / (count - 1) for v, count in parts)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(squared))
    return Difference(mean, mean - half, mean + half, d.mean(axis=1))


def _variance(values: NDArray[np.float64]) -> float:
    """Of the mean of values."""
    return float(values.var(ddof=1) / len(values))


def mcnemar(a: Right, b: Right) -> McNemar:
    """Compare two predictions of the same test samples (m,): which each gets right."""
    from scipy import stats

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, float(p))
