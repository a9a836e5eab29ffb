"""Incremental learning: one more class, and its effect on the test samples of the other classes."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.classifier import ImprintingClassifier


@dataclass(frozen=True)
class AddedClass:
    """A classifier with one added class.

    Attributes
    ----------
    model : ImprintingClassifier
    label, proxies : int
        Number of the added class, and the number of its proxies.
    """

    model: ImprintingClassifier
    label: int
    proxies: int


def add_class(model: ImprintingClassifier, X: NDArray[np.float32]) -> AddedClass:
    """Imprint one more class from the embeddings X (n, d) of its images; `model` is unchanged.

    Proxies of the other classes change only if the recipe computes them from the shots of all classes
    (`ImprintingClassifier.partial_fit`).
    """
    label = int(max(model.classes_)) + 1
    # A shallow copy suffices: `partial_fit` replaces arrays and changes none.
    grown = copy(model).partial_fit(X, np.full(len(X), label))
    return AddedClass(grown, label, int((grown.proxy_class_ == len(grown.classes_) - 1).sum()))


@dataclass(frozen=True)
class Effect:
    """Effect of an added class on the test samples of the other classes, as medians over seeds.

    Attributes
    ----------
    before, after : float
        Accuracy on these samples, in percent.
    lost : float
        Number of samples that were correct and are now predicted as the added class.
    """

    before: float
    after: float
    lost: float


def effect(truth: NDArray[np.integer], before: NDArray[np.integer], after: NDArray[np.integer], added: int) -> Effect:
    """Compare predictions without and with an added class.

    Parameters
    ----------
    truth : ndarray of shape (m,)
        True classes of all test samples.
    before : ndarray of shape (s, m')
        For each seed, predicted classes of the m' test samples of the other classes, without the added class.
    after : ndarray of shape (s, m)
        For each seed, predicted classes of all test samples, with the added class.
    added : int
        The added class.
    """
    earlier = truth != added
    expected, now = truth[earlier], after[:, earlier]
    correct = before == expected
    first, second = (100 * float(np.median(np.mean(right, axis=1))) for right in (correct, now == expected))
    return Effect(first, second, float(np.median(np.sum(correct & (now == added), axis=1))))
