"""Incremental learning: one more class, and its effect on the test samples of the earlier classes."""

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
    """Effect of added classes on the test samples of the earlier classes.

    Attributes
    ----------
    before, after : float
        Accuracy on these samples, in percent.
    lost : int
        Number of samples that were correct and are now predicted as the added class.
    """

    before: float
    after: float
    lost: int


def effect(
    before: ImprintingClassifier, after: AddedClass, X_test: NDArray[np.float32], y_test: NDArray[np.integer]
) -> Effect:
    """Compare predictions on the test samples (m, d) without and with an added class."""
    correct, predicted = before.predict(X_test) == y_test, after.model.predict(X_test)
    lost = int((correct & (predicted == after.label)).sum())
    return Effect(100 * float(correct.mean()), 100 * float((predicted == y_test).mean()), lost)
