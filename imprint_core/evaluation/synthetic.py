"""Synthetic data in two dimensions with known results: one class in the middle, the other on both sides of it.

The mean of the class with two modes points towards the other class, so one proxy per class fails and two succeed.
The class in the middle has longer vectors, so without NORM its proxies win for every k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array

NAMES = ("in the middle", "on both sides")
# Angle between the modes of the second class and the first class in degrees, mean lengths of both, and noise.
_ANGLE, _LENGTHS, _SPREAD = 50.0, (3.0, 1.5), 0.16
_SHOTS, _TEST = 40, 100
# Displayed range of both axes, and cells per axis.
EXTENT, _CELLS = ((-1.0, 4.0), (-2.5, 2.5)), 121


@dataclass(frozen=True)
class SyntheticData:
    """Points (n, 2) of two classes of equal size, and their classes (n,), indices of `NAMES`."""

    X_train: Array
    y_train: NDArray[np.intp]
    X_test: Array
    y_test: NDArray[np.intp]


@dataclass(frozen=True)
class SyntheticResult:
    """Result of imprinting on the synthetic data.

    Attributes
    ----------
    accuracy : float
        Test accuracy in percent.
    proxies, classes : ndarray of shape (p, 2) and (p,)
        Proxies after NORM post, and their classes.
    axes : (ndarray of shape (c,), ndarray of shape (c,))
        Coordinates of the cells of `regions` along the first and the second axis.
    regions : ndarray of shape (c, c)
        Predicted class of each cell; rows run along the second axis.
    """

    accuracy: float
    proxies: Array
    classes: NDArray[np.intp]
    axes: tuple[Array, Array]
    regions: NDArray[np.intp]


def make_data(seed: int = 0) -> SyntheticData:
    """Draw the points."""
    rng = np.random.default_rng(seed)
    return SyntheticData(*_points(rng, _SHOTS), *_points(rng, _TEST))


def _points(rng: np.random.Generator, count: int) -> tuple[Array, NDArray[np.intp]]:
    """Draw `count` points per class; those of the second class alternate between its modes."""
    sides = np.where(np.arange(count) % 2, 1.0, -1.0)
    angles = np.deg2rad(np.concatenate([np.zeros(count), sides * _ANGLE]))
    lengths = np.repeat(_LENGTHS, count)
    centres = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centres + _SPREAD * rng.standard_normal(centres.shape), np.repeat([0, 1], count)


def imprint_data(data: SyntheticData, k: int, normalised: bool, seed: int = 0) -> SyntheticResult:
    """Imprint k proxies per class by k-means with L2 or none as every NORM, and predict the class of each cell."""
    norm = "l2" if normalised else "none"
    model = ImprintingClassifier("kmeans", k, norm, norm, norm, random_state=seed).fit(data.X_train, data.y_train)
    axes = (np.linspace(*EXTENT[0], _CELLS), np.linspace(*EXTENT[1], _CELLS))
    x, y = np.meshgrid(*axes)
    regions = model.predict(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    accuracy = 100 * float(np.mean(model.predict(data.X_test) == data.y_test))
    return SyntheticResult(accuracy, model.proxies_, model.proxy_class_, axes, regions)
