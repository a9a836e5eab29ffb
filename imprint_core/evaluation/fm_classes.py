"""New classes beside those of an FM's own classifier, as proxies beside its weights in one layer.

This is the first use of weight imprinting (Qi, Brown and Lowe, CVPR 2018): the classifier's weights, normalised, are
the proxies of the old classes, and each class has its largest cosine as its score. Imprinted proxies are means of
embeddings, trained weights are not: any embedding has a larger cosine with proxies than with weights. Without a
correction nearly every image is therefore assigned to a new class. `choose_scale` chooses a factor of the proxies from
the shots alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.task import Split
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array, l2
from imprint_core.framework.recipe import Recipe

# Share of left-out shots that the chosen scale assigns to new classes, and the number of folds.
_ASSIGNED, _FOLDS = 0.95, 5
# Samples that are compared with the classifier's weights at once.
_BLOCK = 1000


class OldClasses(NamedTuple):
    """The old class with the largest cosine for each of m samples.

    Attributes
    ----------
    labels : ndarray of shape (m,), int
        Index of the class in the classifier.
    cosines : ndarray of shape (m,)
    """

    labels: NDArray[np.intp]
    cosines: Array


@dataclass(frozen=True)
class BesideAccuracy:
    """Accuracies, in percent, where every sample is classified among all new and old classes.

    Attributes
    ----------
    new, old : float
        On test samples of the new, and of the old classes.
    scale : float
        Factor of the proxies.
    """

    new: float
    old: float
    scale: float

    @property
    def harmonic_mean(self) -> float:
        """Harmonic mean of both accuracies; 0 if one is 0."""
        return 2 * self.new * self.old / (self.new + self.old) if self.new and self.old else 0.0


def beside_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe with what proxies beside trained weights need: no transform, L2 after GEN, AGG max."""
    return replace(recipe, pretransform="none", norm_post="l2", norm_inf="l2", agg="max")


def nearest_old_classes(weight: Array, X: Array) -> OldClasses:
    """Find the old class with the largest cosine.

    Parameters
    ----------
    weight : ndarray of shape (K, d)
        Weights of the classifier, without its bias.
    X : ndarray of shape (m, d)
        Embeddings.
    """
    unit = l2(weight)
    labels, cosines = np.empty(len(X), np.intp), np.empty(len(X), X.dtype)
    for start in range(0, len(X), _BLOCK):
        rows = slice(start, start + _BLOCK)
        similarities = l2(X[rows]) @ unit.T
        labels[rows] = np.argmax(similarities, axis=1)
        cosines[rows] = similarities.max(axis=1)
    return OldClasses(labels, cosines)


def new_similarities(model: ImprintingClassifier, X: Array) -> Array:
    """Return the largest cosine of each sample with the proxies of each new class, (m, C).

    `model` has a recipe of `beside_recipe`.
    """
    similarities = l2(X) @ l2(model.proxies_).T
    starts = np.searchsorted(model.proxy_class_, np.arange(len(model.classes_)))
    return np.asarray(np.maximum.reduceat(similarities, starts, axis=1))


def choose_scale(weight: Array, X: Array, y: NDArray[np.integer], recipe: Recipe, seed: int) -> float:
    """Choose the factor of the proxies from the shots: the smallest that assigns 95 % of left-out shots to new classes.

    Five folds of the shots are left out in turn and compared with the proxies of the others. With one shot per class,
    whole classes are left out, and their shots are compared with other classes. A single shot has the factor 1.

    Parameters
    ----------
    weight : ndarray of shape (K, d)
        Weights of the classifier.
    X : ndarray of shape (n, d)
        Shots.
    y : ndarray of shape (n,)
        Their classes.
    recipe : Recipe
    seed : int
        Of the folds and of GEN.
    """
    old = nearest_old_classes(weight, X).cosines
    folds = _folds(y, seed)
    ratios = []
    for fold in np.unique(folds):
        left_out, rest = folds == fold, folds != fold
        if rest.any():
            model = ImprintingClassifier.from_recipe(beside_recipe(recipe), seed).fit(X[rest], y[rest])
            new = new_similarities(model, X[left_out]).max(axis=1)
            ratios.append(old[left_out] / np.maximum(new, np.finfo(new.dtype).tiny))
    return float(np.quantile(np.concatenate(ratios), _ASSIGNED)) if ratios else 1.0


def _folds(y: NDArray[np.integer], seed: int) -> NDArray[np.intp]:
    """Return the fold (n,) of each shot; consecutive classes begin with consecutive folds."""
    folds = np.empty(len(y), np.intp)
    for i, c in enumerate(np.unique(y)):
        rows = np.random.default_rng((seed, int(c))).permutation(np.flatnonzero(y == c))
        folds[rows] = (np.arange(len(rows)) + i) % _FOLDS
    return folds


def accuracy_beside(
    model: ImprintingClassifier,
    scales: Sequence[float],
    test: tuple[Array, NDArray[np.integer], OldClasses],
    old_test: tuple[Array, NDArray[np.integer], OldClasses],
) -> list[BesideAccuracy]:
    """Compute the accuracies on new and old classes at each factor of the proxies.

    Parameters
    ----------
    model : ImprintingClassifier
        Fitted to shots of the new classes, with a recipe of `beside_recipe`.
    scales : sequence of float
    test, old_test : tuple
        Embeddings (m, d) of test samples of the new, and of the old classes; their classes (m,), of the old ones as
        indices of the classifier; and their `nearest_old_classes`.
    """
    X, y, near = test
    X_old, y_old, near_old = old_test
    similarities, similarities_old = new_similarities(model, X), new_similarities(model, X_old).max(axis=1)
    correct, new = model.classes_[np.argmax(similarities, axis=1)] == y, similarities.max(axis=1)
    correct_old = near_old.labels == y_old
    return [
        BesideAccuracy(
            100 * float((correct & (scale * new > near.cosines)).mean()),
            100 * float((correct_old & (near_old.cosines >= scale * similarities_old)).mean()),
            scale,
        )
        for scale in scales
    ]


class JointScore(NamedTuple):
    """A class among the new and the old ones: whether it is new, its label or index, and its cosine, scaled if new."""

    is_new: bool
    label: int
    score: float


@dataclass(frozen=True)
class JointLayer:
    """New classes of a fitted model beside the old ones of a classifier, in one layer; made by `joint_layer`.

    Attributes
    ----------
    weight : ndarray of shape (K, d)
        Weights of the classifier, of length 1.
    model : ImprintingClassifier
        With a recipe of `beside_recipe`.
    scale : float
        Factor of the proxies.
    """

    weight: Array
    model: ImprintingClassifier
    scale: float

    def rank(self, x: Array, count: int) -> list[JointScore]:
        """Return the `count` new and the `count` old classes with the largest scores for x (d,), largest first."""
        X = np.asarray(x)[None]
        new, old = self.scale * new_similarities(self.model, X)[0], self.weight @ l2(X)[0]
        best = [JointScore(True, int(self.model.classes_[c]), float(new[c])) for c in np.argsort(-new)[:count]]
        best += [JointScore(False, int(c), float(old[c])) for c in np.argsort(-old)[:count]]
        return sorted(best, key=lambda score: -score.score)

    def predict(self, X: Array) -> NDArray[np.intp]:
        """Return the predicted class of each sample (m,): an old one by its index, the c-th new one as K + c."""
        new, old = self.scale * new_similarities(self.model, X), nearest_old_classes(self.weight, X)
        is_new = new.max(axis=1) > old.cosines
        return np.where(is_new, len(self.weight) + np.argmax(new, axis=1), old.labels)


def joint_layer(weight: Array, X: Array, y: NDArray[np.integer], recipe: Recipe, seed: int) -> JointLayer:
    """Imprint shots X (n, d) of classes y (n,) beside a classifier's weights (K, d), with the chosen scale."""
    model = ImprintingClassifier.from_recipe(beside_recipe(recipe), seed).fit(X, y)
    return JointLayer(l2(weight), model, choose_scale(weight, X, y, recipe, seed))


def beside_curve_point(
    weight: Array, split: Split, old_test: tuple[Array, NDArray[np.integer], OldClasses], recipe: Recipe, seed: int
) -> tuple[BesideAccuracy, BesideAccuracy]:
    """Compute the accuracies of one draw with the factor 1, and with the one that `choose_scale` chooses."""
    layer = joint_layer(weight, split.X_train, split.y_train, recipe, seed)
    test = (split.X_test, split.y_test, nearest_old_classes(weight, split.X_test))
    plain, chosen = accuracy_beside(layer.model, (1.0, layer.scale), test, old_test)
    return plain, chosen


class AddedBeside(NamedTuple):
    """A new class beside the others of its task and the old ones of a classifier.

    Attributes
    ----------
    predictions : ndarray of shape (m,)
        Predicted class of its samples, as `JointLayer.predict` numbers them.
    left_out : bool
        Whether these are its shots, each left out of the proxies that predict it, because it has no test samples.
    old_without, old_with : float
        Accuracy on test samples of the old classes without and with it, in percent; NaN without such samples.
    """

    predictions: NDArray[np.intp]
    left_out: bool
    old_without: float
    old_with: float


def added_beside(
    layer: JointLayer,
    shots: tuple[Array, NDArray[np.integer]],
    number: int,
    X_test: Array,
    recipe: Recipe,
    seed: int,
    old_test: tuple[Array, NDArray[np.integer], OldClasses] | None,
) -> AddedBeside:
    """Classify the samples of the new class `number`, and those of old classes, among all classes.

    Parameters
    ----------
    layer : JointLayer
        Of the shots.
    shots : tuple
        Shots (n, d) of all new classes, and their classes (n,).
    number : int
    X_test : ndarray of shape (m, d)
        Test samples of the new class; without any, its shots are left out in turn.
    recipe : Recipe
    seed : int
        Of GEN.
    old_test : tuple or None
        As in `accuracy_beside`.
    """
    predictions = layer.predict(X_test)
    if not len(X_test):
        members = np.flatnonzero(shots[1] == number).tolist()
        predictions = np.array([_predict_left_out(layer, shots, row, recipe, seed) for row in members])
    old = [float("nan"), float("nan")]
    if old_test is not None:
        X, y, near = old_test
        similarities = layer.scale * new_similarities(layer.model, X)
        others = layer.model.classes_ != number
        for i, rivals in enumerate((similarities[:, others], similarities)):
            known = near.cosines >= rivals.max(axis=1, initial=-np.inf)
            old[i] = 100 * float((known & (near.labels == y)).mean())
    return AddedBeside(predictions, not len(X_test), *old)


def _predict_left_out(
    layer: JointLayer, shots: tuple[Array, NDArray[np.integer]], row: int, recipe: Recipe, seed: int
) -> int:
    """Predict a shot with proxies of the others; an only shot of its class has no proxy of it."""
    x, (X, y) = shots[0][row : row + 1], (np.delete(part, row, axis=0) for part in shots)
    if not len(y):
        return int(nearest_old_classes(layer.weight, x).labels[0])
    model = ImprintingClassifier.from_recipe(beside_recipe(recipe), seed).fit(X, y)
    without = JointLayer(layer.weight, model, layer.scale)
    best = int(without.predict(x)[0])
    if best < len(layer.weight):
        return best
    # Numbered as with all classes.
    return len(layer.weight) + int(np.searchsorted(layer.model.classes_, model.classes_[best - len(layer.weight)]))
