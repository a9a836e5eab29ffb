"""What lessons ask about: bands that a number falls into, which of two is ahead, who wins too much, what a map says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.framework.recipe import Recipe

# Points of accuracy by which one must be ahead of another to count.
NEAR = 1.0
# Neighbours on a map that say whether classes touch there.
_TOUCHING = 10

Matrix = NDArray[np.float64]


def band(value: float, edges: Sequence[float]) -> int:
    """Which band a value is in, from 0 up; one on an edge is in the upper."""
    return int(np.searchsorted(edges, value, side="right"))


def ahead(first: float, second: float, near: float = NEAR) -> int:
    """0 where the first is ahead by `near` or more, 1 where the second is, 2 where neither."""
    return 2 if abs(first - second) < near else int(second > first)


class Wins(NamedTuple):
    """Who wins how many test samples; of the classes, those of the longest proxies first.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Indices of the classes that take part.
    lengths : ndarray of shape (C,)
        Of their proxies, before NORM post.
    true, none, l2 : ndarray of shape (C,)
        Test samples of each class, and those that its proxy wins with NORM post none and with L2.
    """

    classes: NDArray[np.intp]
    lengths: Matrix
    true: NDArray[np.intp]
    none: NDArray[np.intp]
    l2: NDArray[np.intp]


def wins(evaluator: Evaluator, none: Recipe, scaled: Recipe, n: int, seed: int) -> Wins:
    """Lengths of one proxy a class, and what it wins under two recipes that differ in NORM post."""
    lengths = np.linalg.norm(evaluator.imprint(none, n, seed).proxies, axis=1).astype(float)
    count = len(evaluator.classes)
    order = np.argsort(-lengths)
    won = [np.bincount(evaluator.evaluate(r, n, [seed]).predictions[0], minlength=count) for r in (none, scaled)]
    return Wins(order, lengths[order], np.bincount(evaluator.truth)[order], won[0][order], won[1][order])


def touching(positions: NDArray[np.float32], y: NDArray[np.integer]) -> Matrix:
    """How much classes touch on a map: percent (C, C) of either's nearest neighbours that are the other's.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
    y : ndarray of shape (n,)
        Classes, 0 … C − 1.
    """
    from scipy.spatial import cKDTree

    nearest = cKDTree(positions).query(positions, min(_TOUCHING + 1, len(positions)))[1][:, 1:]
    counts = np.zeros((int(y.max()) + 1,) * 2)
    np.add.at(counts, (np.repeat(y, nearest.shape[1]), y[nearest].ravel()), 1)
    return mutual(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def mutual(matrix: Matrix) -> Matrix:
    """Either way round: the mean of a matrix (C, C) with its transpose, and 0 for a class with itself."""
    both = (matrix + matrix.T) / 2
    np.fill_diagonal(both, 0)
    return both


def top_pair(both: Matrix) -> tuple[int, int]:
    """The two classes with the largest value of a mutual matrix, the smaller number first."""
    first, second = np.unravel_index(np.argmax(np.triu(both, 1)), both.shape)
    return int(first), int(second)


def place(both: Matrix, pair: tuple[int, int]) -> int:
    """The place of a pair among all, 1 for the largest value."""
    values = both[np.triu_indices(len(both), 1)]
    return 1 + int((values > both[pair]).sum())
