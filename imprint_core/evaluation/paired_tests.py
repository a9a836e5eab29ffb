"""Two choices on the same shots and the same test samples: how much they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Right = NDArray[np.bool_]
Floats = NDArray[np.float64]
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
    per_seed: Floats

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
    d = 100.0 * (a.astype(np.float64) - b)
    return _difference(float(d.mean()), [d.mean(axis=1), d.mean(axis=0)], d.mean(axis=1))


def unpaired_difference(a: Right, b: Right) -> Difference:
    """The same where A (s, m) and B (s, m') have other test samples: nothing pairs them, and their variances add up."""
    x, y = (100.0 * right.astype(np.float64) for right in (a, b))
    means = [own.mean(axis=axis) for own in (x, y) for axis in (1, 0)]
    return _difference(float(x.mean() - y.mean()), means, x.mean(axis=1) - y.mean(axis=1))


def _difference(mean: float, means: list[Floats], per_seed: Floats) -> Difference:
    """The interval of a mean that has the variances of these means' averages in it."""
    from scipy import stats

    parts = [(float(own.var(ddof=1) / len(own)), len(own)) for own in means if len(own) > 1]
    squared = sum(v for v, _ in parts)
    if not squared:
        return Difference(mean, mean, mean, per_seed)
    freedom = squared**2 / sum(v**2 / (count - 1) for v, count in parts)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(squared))
    return Difference(mean, mean - half, mean + half, per_seed)


def mcnemar(a: Right, b: Right) -> McNemar:
    """Compare two predictions of the same test samples (m,): which each gets right."""
    from scipy import stats

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return McNemar(only_a, only_b, float(p))
