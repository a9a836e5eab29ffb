"""Recognizer: shots and a recipe, ready to classify single embeddings and to show why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.class_statistics import class_statistics
from imprint_core.collapse.measures import nc1_per_class
from imprint_core.errors import ImprintError
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.explanation import NearProxy, explain_sample, nearest_proxies
from imprint_core.framework.normalization import NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe
from imprint_core.recognition.calibration import Floats, fit_temperature, probabilities
from imprint_core.recognition.leave_one_out import LeaveOneOut, cosines_of, leave_one_out
from imprint_core.recognition.unknown import unknown_threshold


@dataclass(frozen=True)
class Recognition:
    """Result for one embedding.

    Attributes
    ----------
    label : int
        Predicted class.
    probabilities : ndarray of shape (C,)
        Calibrated probabilities of the classes in ascending order.
    nearest : list of NearProxy
        Nearest proxies, with the shots that they represent.
    cosine : float
        Cosine to the nearest proxy.
    unknown : bool
        Whether it is below the threshold.
    position : ndarray of shape (2,)
        Place on the map of the shots.
    """

    label: int
    probabilities: Floats
    nearest: list[NearProxy]
    cosine: float
    unknown: bool
    position: Floats


@dataclass(frozen=True)
class Recognizer:
    """A classifier of shots with what is needed to recognize embeddings; made by `fit_recognizer`.

    Attributes
    ----------
    model : ImprintingClassifier
    y : ndarray of shape (n,)
        Classes of the shots.
    held_out : LeaveOneOut
    temperature : float
        Of the probabilities; NaN if the shots are too few to determine it, and probabilities are then equal.
    threshold : float
        Cosine below which an embedding is unknown.
    spread : ndarray of shape (C,)
        NC1 of each class (`collapse.measures.nc1_per_class`); NaN for a single class.
    centre, axes : ndarray of shape (d,) and (2, d)
        Mean and first two principal components of the shots after transform and NORM_inf.
    shots, proxies : ndarray of shape (n, 2) and (p, 2)
        Places on the map.
    """

    model: ImprintingClassifier
    y: NDArray[np.integer]
    held_out: LeaveOneOut
    temperature: float
    threshold: float
    spread: Floats
    centre: Floats
    axes: Floats
    shots: Floats
    proxies: Floats

    @property
    def nc1(self) -> float:
        """NC1 of the shots; NaN for a single class."""
        return float(self.spread.mean())

    def recognize(self, x: Array, count: int = 3) -> Recognition:
        """Classify an embedding x (d,), with its `count` nearest proxies.

        Raises
        ------
        ImprintError
            If x does not have d finite numbers.
        """
        result = explain_sample(self.model, x)
        compared = _compared(self.model, np.asarray(x)[None])[0]
        classes = len(self.model.classes_)
        equal = np.full(classes, 1 / classes)
        cosine = float(cosines_of(self.model.proxies_, compared).max())
        return Recognition(
            result.label,
            probabilities(result.scores, self.temperature) if np.isfinite(self.temperature) else equal,
            nearest_proxies(self.model, result, count),
            cosine,
            cosine < self.threshold,
            self.axes @ (compared - self.centre),
        )


def fit_recognizer(
    recipe: Recipe, X: Array, y: NDArray[np.integer], seed: int = 0, most: int | None = None
) -> Recognizer:
    """Imprint shots and measure, by leaving each out in turn, how far their classification can be trusted.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n, d)
        Embeddings of the shots.
    y : ndarray of shape (n,)
        Their classes, integers; one class is enough.
    seed : int
        Seed of GEN.
    most : int, optional
        Number of shots to leave out at most (`leave_one_out`).

    Raises
    ------
    ImprintError
        Without shots, or if an embedding is not finite.
    """
    if not len(X) or not np.isfinite(X).all():
        raise ImprintError("A recognizer needs shots with finite embeddings.")
    model = ImprintingClassifier.from_recipe(recipe, seed).fit(X, y)
    held_out = leave_one_out(model, X, y, most)
    classes = len(model.classes_)
    calibrated = classes > 1 and len(held_out.rows) > 0
    compared = _compared(model, X)
    centre = compared.mean(axis=0, dtype=np.float64)
    axes = _axes(compared - centre)
    return Recognizer(
        model,
        y,
        held_out,
        fit_temperature(held_out) if calibrated else float("nan"),
        unknown_threshold(held_out),
        nc1_per_class(class_statistics(X, y)) if classes > 1 else np.full(1, np.nan),
        centre,
        axes,
        (compared - centre) @ axes.T,
        (model.proxies_ - centre) @ axes.T,
    )


def _compared(model: ImprintingClassifier, X: Array) -> Array:
    """Embeddings as AGG compares them with proxies."""
    return NORMALIZATIONS[model.recipe_.norm_inf].function(model.transform_(np.asarray(X)))


def _axes(centred: Floats) -> Floats:
    """First two principal components (2, d), from inner products of the shots or of the features, the fewer."""
    count, width = centred.shape
    if count <= width:
        vectors = np.linalg.eigh(centred @ centred.T)[1][:, :-3:-1]
        axes = vectors.T @ centred
    else:
        axes = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1].T
    axes = np.pad(axes, ((0, 2 - len(axes)), (0, 0)))
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    # Of components without variance only rounding errors would be left.
    largest = max(float(np.abs(centred).max(initial=0)), 1e-30)
    axes = np.divide(axes, lengths, out=np.zeros_like(axes), where=lengths > 1e-9 * largest)
    # Equal shots give equal signs.
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    return np.asarray(axes * np.where(signs == 0, 1, signs)[:, None])
