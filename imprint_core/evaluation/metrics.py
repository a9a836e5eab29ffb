"""From runs over seeds to what is said about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Summary:
    """Runs over seeds in three numbers.

    Attributes
    ----------
    median, low, high : float
        Median, smallest and largest value. With 3 to 8 seeds the range says all there is
        without assuming a distribution.
    runs : int
        How many.
    """

    median: float
    low: float
    high: float
    runs: int


def summarize(values: ArrayLike) -> Summary:
    """Median and range of the values (s,) of s ≥ 1 runs."""
    v = np.asarray(values, dtype=float)
    return Summary(float(np.median(v)), float(v.min()), float(v.max()), len(v))


def confusion(truth: NDArray[np.integer], predictions: NDArray[np.integer], classes: int) -> NDArray[np.float64]:
    """Confusion matrix in percent of each true class, averaged over runs.

    Parameters
    ----------
    truth : ndarray of shape (m,)
        True classes, 0 … classes − 1.
    predictions : ndarray of shape (s, m)
        Predicted classes of each run.
    classes : int

    Returns
    -------
    ndarray of shape (classes, classes)
        Rows are true, columns predicted classes; a row adds up to 100, or to 0 for a class
        without test samples.
    """
    flat = np.tile(truth, len(predictions)) * classes + predictions.ravel()
    counts = np.bincount(flat, minlength=classes * classes).reshape(classes, classes)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(100 * counts, totals, out=np.zeros(counts.shape), where=totals > 0)


def macro_f1(truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> float:
    """F1 averaged over classes, in percent: 2 · right / (predicted + true) of each, 0 for one that is never predicted.

    Parameters
    ----------
    truth, predicted : ndarray of shape (m,)
        Classes, 0 … classes − 1; every class has a test sample.
    classes : int
    """
    right = np.bincount(truth[truth == predicted], minlength=classes)
    both = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float(100 * np.mean(np.divide(2 * right, both, out=np.zeros(classes), where=both > 0)))
