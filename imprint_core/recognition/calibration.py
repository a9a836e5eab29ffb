"""Calibrated probabilities: a softmax of class scores whose temperature the shots determine (Guo et al., ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from imprint_core.errors import ImprintError
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


def expected_calibration_error(predicted: Floats, codes: NDArray[np.integer], bins: int = 15) -> float:
    """Compute the expected calibration error of the predicted classes (Naeini et al., AAAI 2015).

    Parameters
    ----------
    predicted : ndarray of shape (n, C)
        Probabilities.
    codes : ndarray of shape (n,)
        True classes, as columns of the probabilities.
    bins : int
        Number of bins of equal width.

    Returns
    -------
    float
        Mean over samples of |accuracy − mean probability| in the sample's bin, from 0 to 1.
    """
    confidence, correct = predicted.max(axis=1), predicted.argmax(axis=1) == codes
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(codes))
