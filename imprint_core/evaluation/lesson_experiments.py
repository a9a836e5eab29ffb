"""Experiments of the lessons: answers from numbers, predictions per class, and overlap of classes on maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.selection import Selection

# A smaller difference, in points of accuracy, does not count.
MIN_DIFFERENCE = 1.0
# Nearest neighbours on a map that define how much classes overlap.
_NEIGHBOURS = 10

Matrix = NDArray[np.float64]


def band(value: float, edges: Sequence[float]) -> int:
    """Return the index of the interval that contains a value; an edge belongs to the upper interval."""
    return int(np.searchsorted(edges, value, side="right"))


def band_limits(index: int, edges: Sequence[float], lowest: float, highest: float) -> tuple[float, float]:
    """Return the ends of the interval with an index, as `band` counts; the first starts at `lowest`."""
    ends = (lowest, *edges, highest)
    return ends[index], ends[index + 1]


def higher_of(first: float, second: float, min_difference: float = MIN_DIFFERENCE) -> int:
    """Return 0 if the first value is higher by `min_difference`, 1 if the second is, otherwise 2."""
    return 2 if abs(first - second) < min_difference else int(second > first)


class PredictionCounts(NamedTuple):
    """Number of test samples predicted as each class, in descending order of proxy length.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Indices of the selected classes.
    lengths : ndarray of shape (C,)
        Length of each class's proxy before NORM post.
    true, none, l2 : ndarray of shape (C,)
        Test samples of each class, and test samples predicted as each class with NORM post none and L2.
    """

    classes: NDArray[np.intp]
    lengths: Matrix
    true: NDArray[np.intp]
    none: NDArray[np.intp]
    l2: NDArray[np.intp]


def count_predictions(evaluator: Evaluator, none: Recipe, l2: Recipe, n: int, seed: int) -> PredictionCounts:
    """Count predictions of two recipes with one proxy per class that differ in NORM post."""
    lengths = np.linalg.norm(evaluator.imprint(none, n, seed).proxies, axis=1).astype(float)
    count = len(evaluator.classes)
    order = np.argsort(-lengths)
    counts = [np.bincount(evaluator.evaluate(r, n, [seed]).predictions[0], minlength=count)[order] for r in (none, l2)]
    return PredictionCounts(order, lengths[order], np.bincount(evaluator.truth)[order], *counts)


def tried_recipes(selection: Selection, recipe: Recipe) -> dict[int, Recipe]:
    """Return the recipe of every k that was validated, with its shrinkage: that of the selected k is what Auto uses."""
    return {
        each.k: replace(selection, k=each.k, shrinkage="auto" if each.k == 1 else each.shrinkage).of(recipe)
        for each in selection.tried
    }


def map_overlap(positions: NDArray[np.float32], y: NDArray[np.integer]) -> Matrix:
    """Compute the overlap (C, C) of classes y (n,) on a map: percent of nearest neighbours of the other class."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(positions).query(positions, min(_NEIGHBOURS + 1, len(positions)))[1][:, 1:]
    counts = np.zeros((int(y.max()) + 1,) * 2)
    np.add.at(counts, (np.repeat(y, nearest.shape[1]), y[nearest].ravel()), 1)
    return symmetric(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def symmetric(matrix: Matrix) -> Matrix:
    """Return the mean of a matrix (C, C) and its transpose, with 0 on the diagonal."""
    mean = (matrix + matrix.T) / 2
    np.fill_diagonal(mean, 0)
    return mean


def top_pair(pairs: Matrix) -> tuple[int, int]:
    """Return the two classes with the largest value of a symmetric matrix, in ascending order."""
    first, second = np.unravel_index(np.argmax(np.triu(pairs, 1)), pairs.shape)
    return int(first), int(second)


def ranked_pairs(pairs: Matrix, first: tuple[int, int]) -> tuple[list[tuple[int, int]], Matrix]:
    """Return the pairs of classes of a symmetric matrix (C, C) and their values, in descending order of the values.

    `first` is the first of equal pairs, so that its position is its rank.
    """
    rows, columns = np.triu_indices(len(pairs), 1)
    others = (rows != first[0]) | (columns != first[1])
    order = np.lexsort((others, -pairs[rows, columns]))
    return [(int(rows[i]), int(columns[i])) for i in order], pairs[rows, columns][order]


def rank_of(pairs: Matrix, pair: tuple[int, int]) -> int:
    """Return the rank of a pair of classes in a symmetric matrix, 1 for the largest value."""
    values = pairs[np.triu_indices(len(pairs), 1)]
    return 1 + int((values > pairs[pair]).sum())
