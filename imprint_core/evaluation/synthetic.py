"""Synthetic data in two dimensions: the lesson's example with known results, and examples of the sandbox.

In the lesson one class is in the middle, the other on both sides of it. The mean of the class with two modes points
towards the other class, so one proxy per class fails and two succeed. The class in the middle has longer vectors, so
without NORM its proxies win for every k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.normalization import Array
from imprint_core.registry import Entry, look_up

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

NAMES = ("in the middle", "on both sides")
# Angle between the modes of the second class and the first class in degrees, mean lengths of both, and noise.
_ANGLE, _LENGTHS, _SPREAD = 50.0, (3.0, 1.5), 0.16
_SHOTS, _TEST = 40, 100
# Displayed range of both axes, and cells per axis.
EXTENT, _CELLS = ((-1.0, 4.0), (-2.5, 2.5)), 121
# The sandbox has positions -256 to 255 along each axis, 100 per unit, so that a link needs three characters per point.
LOWEST, HIGHEST, PER_UNIT = -256, 255, 100
# The lesson's longest vectors do not fit into the sandbox; one factor for all points changes no prediction.
_LESSON_SCALE = 2 / 3
Labelled = tuple[Array, NDArray[np.intp]]


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


def _points(rng: np.random.Generator, count: int, lengths: tuple[float, float] = _LENGTHS) -> Labelled:
    """Draw `count` points per class; those of the second class alternate between its modes."""
    sides = np.where(np.arange(count) % 2, 1.0, -1.0)
    angles = np.deg2rad(np.concatenate([np.zeros(count), sides * _ANGLE]))
    centres = np.repeat(lengths, count)[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centres + _SPREAD * rng.standard_normal(centres.shape), np.repeat([0, 1], count)


def imprint_data(data: SyntheticData, k: int, normalised: bool, seed: int = 0) -> SyntheticResult:
    """Imprint k proxies per class by k-means with L2 or none as every NORM, and predict the class of each cell."""
    from imprint_core.framework.classifier import ImprintingClassifier

    norm = "l2" if normalised else "none"
    model = ImprintingClassifier("kmeans", k, norm, norm, norm, random_state=seed).fit(data.X_train, data.y_train)
    axes = (np.linspace(*EXTENT[0], _CELLS), np.linspace(*EXTENT[1], _CELLS))
    x, y = np.meshgrid(*axes)
    regions = model.predict(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    accuracy = 100 * float(np.mean(model.predict(data.X_test) == data.y_test))
    return SyntheticResult(accuracy, model.proxies_, model.proxy_class_, axes, regions)


@dataclass(frozen=True)
class Example(Entry):
    """An entry of the table of the sandbox's examples; `draw` draws a number of points per class."""

    draw: Callable[[np.random.Generator, int], Labelled]


def _islands(rng: np.random.Generator, count: int) -> Labelled:
    points, classes = _points(rng, count, (1.5, 1.5))
    # A quarter turn: the class of one island is at the top.
    return points @ np.array([[0.0, 1.0], [-1.0, 0.0]]), classes


def _shortened_points(rng: np.random.Generator, count: int) -> Labelled:
    points, classes = _points(rng, count)
    return _LESSON_SCALE * points, classes


def _moons(rng: np.random.Generator, count: int) -> Labelled:
    angles = np.pi * rng.random(count)
    upper = np.stack([np.cos(angles) - 0.5, np.sin(angles) - 0.25], axis=1)
    points = 1.2 * np.concatenate([upper, -upper])
    return points + 0.1 * rng.standard_normal(points.shape), np.repeat([0, 1], count)


def _rings(rng: np.random.Generator, count: int) -> Labelled:
    angles = 2 * np.pi * rng.random(2 * count)
    radii = np.repeat([0.5, 1.8], count) + 0.1 * rng.standard_normal(2 * count)
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1), np.repeat([0, 1], count)


EXAMPLES = {
    "islands": Example(
        "Two islands",
        "One class has two islands, and their mean is beside the other class. Compare k = 1 with k = 2.",
        _islands,
    ),
    "lengths": Example(
        "Unequal lengths",
        "The points of the lesson “Two dimensions”, at two thirds of their lengths. Compare NORM none with L2.",
        _shortened_points,
    ),
    "moons": Example(
        "Two moons",
        "The moons overlap in direction, and L2 removes lengths. Compare L2 with NORM none, AGG nearest and k = 6.",
        _moons,
    ),
    "rings": Example(
        "Two rings",
        "Both rings have all directions and the same mean. Compare L2 with NORM none, AGG nearest and k = 8.",
        _rings,
    ),
}


def make_example(name: str, seed: int = 0) -> SyntheticData:
    """Draw an example of `EXAMPLES`; training points have positions of the sandbox.

    Raises
    ------
    ImprintError
        If the name is unknown.
    """
    draw = look_up(EXAMPLES, name, "example").draw
    rng = np.random.default_rng(seed)
    points, classes = draw(rng, _SHOTS)
    positions = np.clip(np.rint(points * PER_UNIT), LOWEST, HIGHEST) / PER_UNIT
    return SyntheticData(positions, classes, *draw(rng, _TEST))


def imprint_points(
    points: Array, classes: NDArray[np.intp], k: int, normalised: bool, nearest: bool, seed: int = 0
) -> ImprintingClassifier:
    """Imprint k proxies per class by k-means.

    Parameters
    ----------
    points, classes : ndarray of shape (n, 2) and (n,)
        At least one point.
    k : int
        Proxies per class.
    normalised : bool
        Whether every NORM is L2, or none.
    nearest : bool
        Whether the nearest proxy wins (m-NN with m = 1), or the one with the largest inner product.
    seed : int
        Seed of k-means.
    """
    return _classifier("kmeans", "l2" if normalised else "none", normalised, nearest, k, seed).fit(points, classes)


def imprint_placed(proxies: Array, classes: NDArray[np.intp], normalised: bool, nearest: bool) -> ImprintingClassifier:
    """Imprint given proxies (p, 2) of `classes` (p,), to which NORM post applies; otherwise as `imprint_points`."""
    return _classifier("all", "none", normalised, nearest).fit(proxies, classes)


def _classifier(
    gen: str, norm_pre: str, normalised: bool, nearest: bool, k: int = 1, seed: int = 0
) -> ImprintingClassifier:
    from imprint_core.framework.classifier import ImprintingClassifier

    norm, agg = "l2" if normalised else "none", "mnn" if nearest else "max"
    return ImprintingClassifier(gen, k, norm_pre, norm, norm, agg, m=1, random_state=seed)
