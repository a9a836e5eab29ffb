"""What NC1 says about the gain of more proxies: correlations over tasks, and the line through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Relation:
    """How gains go with NC1 over tasks.

    Attributes
    ----------
    spearman, spearman_p, pearson, pearson_p : float
        Of NC1 with the gain. The p-values take tasks for independent, which those of one dataset aren't.
    pearson_log : float
        Pearson's r of log10(NC1) with the gain; its square is the line's R².
    slope, intercept : float
        gain ≈ intercept + slope · log10(NC1), by least squares.
    tasks : int
        How many.
    """

    spearman: float
    spearman_p: float
    pearson: float
    pearson_p: float
    pearson_log: float
    slope: float
    intercept: float
    tasks: int

    def at(self, nc1: float) -> float:
        """The gain that the line tells for an NC1 above 0."""
        return self.intercept + self.slope * float(np.log10(nc1))


def relate(nc1: Sequence[float], gain: Sequence[float]) -> Relation | None:
    """Relate NC1 and gain over tasks; None where fewer than three can be, or all have the same NC1 or gain.

    Parameters
    ----------
    nc1 : sequence of float
        Of each task; those that are 0 or infinite have no logarithm and are left out.
    gain : sequence of float
        In points.
    """
    return _relate(tuple(map(float, nc1)), tuple(map(float, gain)))


# A page asks about the same tasks whenever it is drawn.
@lru_cache(maxsize=256)
def _relate(nc1: tuple[float, ...], gain: tuple[float, ...]) -> Relation | None:
    # Here, for it takes as long to import as a page to draw.
    from scipy import stats

    x, y = np.array(nc1), np.array(gain)
    told = np.isfinite(x) & (x > 0) & np.isfinite(y)
    x, y = x[told], y[told]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    rank, linear, line = stats.spearmanr(x, y), stats.pearsonr(x, y), stats.linregress(np.log10(x), y)
    return Relation(
        float(rank.statistic),
        float(rank.pvalue),
        float(linear.statistic),
        float(linear.pvalue),
        float(line.rvalue),
        float(line.slope),
        float(line.intercept),
        len(x),
    )
