"""Calibrated probabilities: a softmax of class scores whose temperature the shots determine (Guo et al., ICML 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from imprint_core.errors import ImprintError

if TYPE_CHECKING:
    from imprint_core.recognition.leave_one_out import LeaveOneOut

Floats = NDArray[np.float64]

# Range of temperatures, as multiples of the mean range of a sample's scores.
_RANGE = (1e-4, 1e2)


def fit_temperature(held_out: LeaveOneOut) -> float:
    """Choose the temperature with the smallest log-loss of shots that were left out.

    The target of the true class is (r + 1)/(r + 2) for r shots, and the rest is divided among the other classes, as in
    Platt scaling (Platt, 1999): a few shots that are all classified correctly do not prove certainty.

    Raises
    ------
    ImprintError
        If there are no such shots, or fewer than two classes.
    """
    # It takes longer to load than the rest, which Explore uses.
    from scipy.optimize import minimize_scalar

    count, classes = held_out.scores.shape
    if not count or classes < 2:
        raise ImprintError("Probabilities need two classes, one of which has at least two shots.")
    targets = np.full((count, classes), 1 / ((count + 2) * (classes - 1)))
    targets[np.arange(count), held_out.codes] = (count + 1) / (count + 2)
    scale = float(np.ptp(held_out.scores, axis=1).mean()) or 1.0

    def loss(log_temperature: float) -> float:
        logits = held_out.scores / np.exp(log_temperature)
        return -float((targets * log_softmax(logits, axis=1)).sum())

    best = minimize_scalar(loss, bounds=np.log(np.array(_RANGE) * scale), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(best.x))


def probabilities(scores: Floats, temperature: float) -> Floats:
    """Map scores (..., C) to probabilities: softmax(scores / temperature)."""
    return np.asarray(softmax(np.asarray(scores, dtype=np.float64) / temperature, axis=-1))


class Bins(NamedTuple):
    """Predictions by their probability, in bins of equal width from 0 to 1.

    Attributes
    ----------
    probability, accuracy : ndarray of shape (bins,)
        Mean probability of the predictions, and share of correct ones; 0 in an empty bin.
    sizes : ndarray of shape (bins,)
        Number of predictions.
    """

    probability: Floats
    accuracy: Floats
    sizes: NDArray[np.intp]

    @property
    def error(self) -> float:
        """Expected calibration error: mean over predictions of |accuracy − mean probability| of the bin, 0 to 1."""
        return float(np.average(np.abs(self.accuracy - self.probability), weights=self.sizes))


def reliability(probability: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15) -> Bins:
    """Compare the probability of predictions with their accuracy, in bins (Naeini et al., AAAI 2015).

    Parameters
    ----------
    probability, correct : ndarray of shape (n,)
        Probability of each predicted class, and whether it is the true one.
    bins : int
    """
    index = np.minimum((probability * bins).astype(int), bins - 1)
    sizes = np.bincount(index, minlength=bins)
    probability, accuracy = (
        np.bincount(index, values, minlength=bins) / np.maximum(sizes, 1) for values in (probability, correct)
    )
    return Bins(probability, accuracy, sizes)


def expected_calibration_error(predicted: Floats, codes: NDArray[np.integer], bins: int = 15) -> float:
    """Compute the expected calibration error of the predicted classes, from 0 to 1.

    Parameters
    ----------
    predicted : ndarray of shape (n, C)
        Probabilities.
    codes : ndarray of shape (n,)
        True classes, as columns of the probabilities.
    bins : int
        Number of bins of equal width.
    """
    return reliability(predicted.max(axis=1), predicted.argmax(axis=1) == codes, bins).error
