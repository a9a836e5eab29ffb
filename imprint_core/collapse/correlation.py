"""Correlation of NC1 with the accuracy gain of more proxies over tasks, and the regression line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Correlation:
    """Correlation of NC1 with the gain over tasks.

    Attributes
    ----------
    spearman, spearman_p : float
        Rank correlation and its p-value, which assumes independent tasks. Tasks of one dataset are not independent.
    pearson : float
        Linear correlation of NC1 with the gain.
    pearson_log : float
        Linear correlation of log10(NC1) with the gain; its square is the R² of the line.
    slope, intercept : float
        Least-squares line: gain ≈ intercept + slope · log10(NC1).
    tasks : int
        Number of tasks.
    """

    spearman: float
    spearman_p: float
    pearson: float
    pearson_log: float
    slope: float
    intercept: float
    tasks: int

    def predict(self, nc1: float) -> float:
        """Return the gain on the line at an NC1 above 0."""
        return self.intercept + self.slope * float(np.log10(nc1))


def correlate(nc1: Sequence[float], gain: Sequence[float]) -> Correlation | None:
    """Correlate NC1 with the gain over tasks.

    Parameters
    ----------
    nc1 : sequence of float
        NC1 of each task. Tasks with NC1 0 or infinite have no logarithm and are left out.
    gain : sequence of float
        Gain of each task in points of accuracy.

    Returns
    -------
    Correlation or None
        None for fewer than three tasks, or if all have the same NC1 or the same gain.
    """
    return _correlate(tuple(map(float, nc1)), tuple(map(float, gain)))


# Cached because a page correlates the same tasks in every run.
@lru_cache(maxsize=256)
def _correlate(nc1: tuple[float, ...], gain: tuple[float, ...]) -> Correlation | None:
    # Imported late because it takes as long to import as a page takes to draw.
    from scipy import stats

    x, y = np.array(nc1), np.array(gain)
    valid = np.isfinite(x) & (x > 0) & np.isfinite(y)
    x, y = x[valid], y[valid]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    rank, line = stats.spearmanr(x, y), stats.linregress(np.log10(x), y)
    return Correlation(
        float(rank.statistic),
        float(rank.pvalue),
        float(stats.pearsonr(x, y).statistic),
        float(line.rvalue),
        float(line.slope),
        float(line.intercept),
        len(x),
    )
