"""Predictions of one classifier for the samples of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.normalization import Array

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier


@dataclass(frozen=True)
class Predictions:
    """Predicted classes, margins and nearest proxies of n samples.

    Attributes
    ----------
    predicted : ndarray of shape (n,), int16
        Class numbers.
    margin : ndarray of shape (n,), float32
        Score of the predicted class minus that of the runner-up; infinite with a single class.
    proxy : ndarray of shape (n,), int32
        Row of the nearest proxy of the predicted class, among all proxies.
    """

    predicted: NDArray[np.int16]
    margin: NDArray[np.float32]
    proxy: NDArray[np.int32]


def predict_samples(model: ImprintingClassifier, X: Array) -> Predictions:
    """Classify embeddings (n, d) with a fitted model."""
    explained = model.explain(X)
    labels = model.classes_[model.proxy_class_[explained.winner]]
    return Predictions(labels.astype(np.int16), explained.margin.astype(np.float32), explained.winner.astype(np.int32))
