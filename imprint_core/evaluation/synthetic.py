"""A toy in two dimensions whose right answer is known: one class lies in a middle, the other on both sides of it.

The mean of the class with two modes points into the middle, where the other class is: one proxy a class must fail, and
two succeed. The one in the middle is longer, so that with every NORM off its proxies win whatever k is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array

NAMES = ("in the middle", "on both sides")
# How far the second class's modes are turned from the first, in degrees, and how long either's points are.
_ANGLE, _LENGTHS, _SPREAD = 50.0, (3.0, 1.5), 0.16
_SHOTS, _TEST = 40, 100
# What pictures show along either axis, and how many cells that has.
EXTENT, _CELLS = ((-1.0, 4.0), (-2.5, 2.5)), 121


@dataclass(frozen=True)
class Toy:
    """Points of two classes, equally many of each.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n, 2)
    y_train, y_test : ndarray of shape (n,)
        Indices of `NAMES`.
    """

    X_train: Array
    y_train: NDArray[np.intp]
    X_test: Array
    y_test: NDArray[np.intp]


@dataclass(frozen=True)
class ToyRun:
    """What imprinting makes of a toy.

    Attributes
    ----------
    accuracy : float
        In percent of the test points.
    proxies : ndarray of shape (p, 2)
        As they are compared, after NORM post.
    classes : ndarray of shape (p,)
    axes : (ndarray of shape (c,), ndarray of shape (c,))
        Where the cells of `regions` are, along the first and the second axis.
    regions : ndarray of shape (c, c)
        Predicted class of each cell; rows go along the second axis.
    """

    accuracy: float
    proxies: Array
    classes: NDArray[np.intp]
    axes: tuple[Array, Array]
    regions: NDArray[np.intp]


def make_toy(seed: int = 0) -> Toy:
    """Draw the points."""
    rng = np.random.default_rng(seed)
    return Toy(*_points(rng, _SHOTS), *_points(rng, _TEST))


def _points(rng: np.random.Generator, count: int) -> tuple[Array, NDArray[np.intp]]:
    """As many points of either class; those of the second lie by turns on both sides."""
    sides = np.where(np.arange(count) % 2, 1.0, -1.0)
    angles = np.deg2rad(np.concatenate([np.zeros(count), sides * _ANGLE]))
    lengths = np.repeat(_LENGTHS, count)
    centres = lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centres + _SPREAD * rng.standard_normal(centres.shape), np.repeat([0, 1], count)


def run_toy(toy: Toy, k: int, normalised: bool, seed: int = 0) -> ToyRun:
    """Imprint k proxies a class by k-means, with every NORM L2 or none, and ask for a class everywhere."""
    norm = "l2" if normalised else "none"
    model = ImprintingClassifier("kmeans", k, norm, norm, norm, random_state=seed).fit(toy.X_train, toy.y_train)
    axes = (np.linspace(*EXTENT[0], _CELLS), np.linspace(*EXTENT[1], _CELLS))
    x, y = np.meshgrid(*axes)
    regions = model.predict(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    accuracy = 100 * float(np.mean(model.predict(toy.X_test) == toy.y_test))
    return ToyRun(accuracy, model.proxies_, model.proxy_class_, axes, regions)
