"""Comparison of methods over tasks: average ranks, Friedman's test, Wilcoxon's test with Holm's correction.

Follows Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7, and Benavoli et al.
(2016), JMLR 17, who compare pairs by Wilcoxon's test, as the paper does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array
from imprint_core.framework.recipe import Recipe

Floats = NDArray[np.float64]
ALPHA = 0.05
# Seconds of fits after which no other is timed.
_LONG = 0.2
# With fewer tasks, no pair of three or more methods can differ at 5 % after Holm's correction.
FEW_TASKS = 8


@dataclass(frozen=True)
class Ranking:
    """Comparison of q methods over t tasks.

    Attributes
    ----------
    mean, std : ndarray of shape (q,)
        Mean and sample standard deviation of each method's scores over tasks (std is 0 for one task).
    ranks : ndarray of shape (q,)
        Average rank, 1 for the best; equal scores share the mean of their ranks.
    wins : ndarray of shape (q,)
        Number of tasks on which no method is better; methods with the same best score all win.
    friedman : float
        p-value of Friedman's test that all methods are equal; of Wilcoxon's test for two methods.
    p : ndarray of shape (q, q)
        Two-sided Wilcoxon p-value of each pair after Holm; 1 for methods with identical scores.
    groups : tuple of tuple of int
        Maximal sets of methods without a significant difference between any two, in the order of their ranks.
    """

    mean: Floats
    std: Floats
    ranks: Floats
    wins: NDArray[np.intp]
    friedman: float
    p: Floats
    groups: tuple[tuple[int, ...], ...]


def rank(scores: Floats) -> Ranking:
    """Compare methods by their scores; larger is better.

    Parameters
    ----------
    scores : ndarray of shape (t, q)
        Score of each method on each task.

    Returns
    -------
    Ranking
        If Friedman's test does not reject equality at 5 %, all methods are one group.

    Raises
    ------
    ImprintError
        For fewer than two methods, no task, or scores that are not finite.
    """
    from scipy import stats

    tasks, methods = scores.shape
    if methods < 2 or tasks < 1 or not np.isfinite(scores).all():
        raise ImprintError("A comparison needs two methods or more, with a score on every task.")
    ranks = stats.rankdata(-scores, axis=1)
    best = scores == scores.max(axis=1, keepdims=True)
    if bool((scores == scores[:, :1]).all()):
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
    """Two-sided p-value of Wilcoxon's signed-rank test over tasks, with Pratt's zeros; 1 if all pairs are equal."""
    from scipy import stats

    if np.array_equal(a, b):
        return 1.0
    return float(stats.wilcoxon(a, b, zero_method="pratt").pvalue)


def pairwise(scores: Floats) -> Floats:
    """Wilcoxon p-values (q, q) of all pairs of methods after Holm's correction.

    Methods with identical scores have p = 1 and do not count as a hypothesis (the paper's code gives them p = 0).
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
    """Adjust p-values (h,) by Holm's method (1979): the smallest times h, the next times h − 1, never decreasing."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def groups_of(tied: NDArray[np.bool_], order: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    """Maximal sets of two methods or more, ordered by `order` (q,), in which each pair is `tied` (q, q)."""
    position = np.argsort(order)
    neighbours = [set(np.flatnonzero(row).tolist()) - {i} for i, row in enumerate(tied)]
    cliques = [
        tuple(sorted(clique, key=lambda i: position[i]))
        for clique in _maximal_cliques(set(), set(range(len(tied))), set(), neighbours)
        if len(clique) > 1
    ]
    return tuple(sorted(cliques, key=lambda clique: [position[i] for i in clique]))


def _maximal_cliques(
    clique: set[int], candidates: set[int], excluded: set[int], neighbours: list[set[int]]
) -> Iterator[set[int]]:
    """All maximal cliques, by Bron and Kerbosch (1973) with a pivot."""
    if not candidates and not excluded:
        yield clique
        return
    pivot = max(candidates | excluded, key=lambda i: len(neighbours[i] & candidates))
    for i in sorted(candidates - neighbours[pivot]):
        yield from _maximal_cliques(clique | {i}, candidates & neighbours[i], excluded & neighbours[i], neighbours)
        candidates, excluded = candidates - {i}, excluded | {i}


def p_text(p: float) -> str:
    """A p-value as text, such as "p = 0.03" or "p < 0.0001"."""
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"


def generation_seconds(X: Array, y: NDArray[np.integer], recipe: Recipe, seed: int) -> float:
    """Seconds that the estimator takes to fit shots on this machine, including NORM pre and post.

    The median of three fits, or one that takes long.
    """
    # Imports scikit-learn.
    from imprint_core.framework.classifier import ImprintingClassifier

    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < _LONG:
        start = time.perf_counter()
        ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
