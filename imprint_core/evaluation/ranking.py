"""Which methods are better than others over many tasks: ranks, Friedman's test, Wilcoxon's with Holm, tied groups.

After Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7, and Benavoli et al.
(2016), JMLR 17, who compare pairs by Wilcoxon's test, as the paper does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError

Floats = NDArray[np.float64]
ALPHA = 0.05
# With fewer tasks no pair of even three methods can differ at 5 % after Holm.
FEW_TASKS = 8


@dataclass(frozen=True)
class Ranking:
    """Methods compared over tasks.

    Attributes
    ----------
    mean, std : ndarray of shape (q,)
        Of each method's scores over tasks (std with q − 1; 0 for one task).
    ranks : ndarray of shape (q,)
        Average rank, 1 for the best; equal scores share the mean of their ranks.
    wins : ndarray of shape (q,)
        On how many tasks no method is better; methods that share the best score all win.
    friedman : float
        p-value of Friedman's test that all methods are alike; of Wilcoxon's for two.
    p : ndarray of shape (q, q)
        Two-sided Wilcoxon p-value of each pair after Holm; 1 for methods that are identical on every task.
    groups : tuple of tuple of int
        Sets of methods of which no two are told apart, as large as they can be; methods in the order of their ranks.
    """

    mean: Floats
    std: Floats
    ranks: Floats
    wins: NDArray[np.intp]
    friedman: float
    p: Floats
    groups: tuple[tuple[int, ...], ...]


def rank(scores: Floats) -> Ranking:
    """Compare methods by their scores, larger ones being better.

    Parameters
    ----------
    scores : ndarray of shape (t, q)
        Of each method on each task.

    Returns
    -------
    Ranking
        Where Friedman's test doesn't reject that all are alike (5 %), all methods are one group and no pair counts.

    Raises
    ------
    ImprintError
        For fewer than two methods, no task, or scores that are no numbers.
    """
    from scipy import stats

    tasks, methods = scores.shape
    if methods < 2 or tasks < 1 or not np.isfinite(scores).all():
        raise ImprintError("A comparison needs two methods or more, with a score on every task.")
    ranks = stats.rankdata(-scores, axis=1)
    best = scores == scores.max(axis=1, keepdims=True)
    alike = bool((scores == scores[:, :1]).all())
    if alike:
        overall = 1.0
    elif methods == 2:
        overall = wilcoxon(scores[:, 0], scores[:, 1])
    else:
        overall = float(stats.friedmanchisquare(*scores.T).pvalue)
    p = pairwise(scores)
    tied = p >= ALPHA if overall < ALPHA else np.ones((methods, methods), dtype=bool)
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    return Ranking(
        scores.mean(axis=0),
        scores.std(axis=0, ddof=1) if tasks > 1 else np.zeros(methods),
        ranks.mean(axis=0),
        best.sum(axis=0),
        overall,
        p,
        groups_of(tied, order),
    )


def wilcoxon(a: Floats, b: Floats) -> float:
    """p-value of Wilcoxon's signed-rank test over tasks, two-sided, ties after Pratt; 1 where all are equal."""
    from scipy import stats

    if np.array_equal(a, b):
        return 1.0
    return float(stats.wilcoxon(a, b, zero_method="pratt").pvalue)


def pairwise(scores: Floats) -> Floats:
    """Wilcoxon p-values (q, q) of all pairs of methods, after Holm.

    Identical methods are tied with p = 1 and no hypothesis is spent on them (the paper's code gives them p = 0).
    """
    methods = scores.shape[1]
    p = np.ones((methods, methods))
    pairs = [
        (i, j) for i in range(methods) for j in range(i + 1, methods) if not np.array_equal(scores[:, i], scores[:, j])
    ]
    adjusted = holm(np.array([wilcoxon(scores[:, i], scores[:, j]) for i, j in pairs]))
    for (i, j), value in zip(pairs, adjusted, strict=True):
        p[i, j] = p[j, i] = value
    return p


def holm(p: Floats) -> Floats:
    """Holm's adjustment (1979) of p-values (h,): the smallest times h, the next times h − 1, never falling."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def groups_of(tied: NDArray[np.bool_], order: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    """Largest sets of two methods or more of which each pair is tied.

    Parameters
    ----------
    tied : ndarray of shape (q, q)
        Symmetric.
    order : ndarray of shape (q,)
        In which methods are told.
    """
    place = np.argsort(order)
    near = [set(np.flatnonzero(row).tolist()) - {i} for i, row in enumerate(tied)]
    found = [sorted(own, key=lambda i: place[i]) for own in _cliques(set(), set(range(len(tied))), set(), near)]
    return tuple(sorted((tuple(own) for own in found if len(own) > 1), key=lambda own: [place[i] for i in own]))


def _cliques(chosen: set[int], left: set[int], seen: set[int], near: list[set[int]]) -> Iterator[set[int]]:
    """All largest sets of neighbours, by Bron and Kerbosch (1973) with a pivot."""
    if not left and not seen:
        yield chosen
        return
    pivot = max(left | seen, key=lambda i: len(near[i] & left))
    for i in sorted(left - near[pivot]):
        yield from _cliques(chosen | {i}, left & near[i], seen & near[i], near)
        left, seen = left - {i}, seen | {i}
