"""NC1 and accuracy over k of one task, the elbow of such a curve, and NC1 of classes split by k-means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.class_statistics import NormalizedRows
from imprint_core.collapse.measures import NC1_VARIANTS, require_two_classes
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import Split
from imprint_core.framework.generation import Shots, kmeans
from imprint_core.framework.normalization import NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe


@dataclass(frozen=True)
class TaskCurve:
    """NC1 and accuracy over k of one draw of a task."""

    # Of the shots after NORM pre, before any transform, by the keys of `NC1_VARIANTS`.
    nc1: dict[str, float]
    # Test accuracy (len(ks),) at each k, in percent.
    accuracy: NDArray[np.float64]


def task_curve(pool: Split, recipe: Recipe, ks: Sequence[int], n: int | None, seed: int) -> TaskCurve:
    """Compute NC1 and accuracy over k of a task with n shots per class or all (paper, Figures 11 and 12).

    The recipe's k is ignored. NC1 raises an `ImprintError` for fewer than two classes.
    """
    evaluator = Evaluator(pool, recipe.space)
    rows = np.concatenate(evaluator.shots(n, seed))
    shots = NormalizedRows(pool.X_train, rows, NORMALIZATIONS[recipe.norm_pre].function)
    values = {name: float(v.per_class(shots, pool.y_train[rows]).mean()) for name, v in NC1_VARIANTS.items()}
    return TaskCurve(values, evaluator.accuracy_over_k(recipe, ks, n, [seed])[:, 0])


def elbow(ks: Sequence[int], accuracy: NDArray[np.floating]) -> int:
    """Return the k at which two joined straight lines fit a curve over ascending ks best, by least squares.

    It is one of the inner k's, the smallest of equally good ones. With fewer than three k's it is the first.
    """
    return _elbow(tuple(map(float, ks)), tuple(map(float, accuracy)))


# Cached because a page needs the same elbows in every run.
@lru_cache(maxsize=256)
def _elbow(ks: tuple[float, ...], accuracy: tuple[float, ...]) -> int:
    x, y = np.array(ks), np.array(accuracy)
    if len(x) < 3:
        return int(ks[0])
    errors = []
    for k in x[1:-1]:
        lines = np.stack([np.ones_like(x), x, np.maximum(x - k, 0)], axis=1)
        errors.append(np.sum((y - lines @ np.linalg.lstsq(lines, y)[0]) ** 2))
    return int(ks[1 + int(np.argmin(np.round(errors, 9)))])


def split_classes(X: Array, y: NDArray[np.integer], k: int, seed: int) -> NDArray[np.intp]:
    """Split each class into k clusters by k-means, and return the cluster of each sample (n,).

    Clusters are numbered from 0 in the order of the classes. Classes of equal size are clustered together, as in GEN.
    """
    clusters = np.empty(len(y), dtype=np.intp)
    members = [np.flatnonzero(y == c) for c in np.unique(y)]
    sizes = np.array([len(m) for m in members])
    labels: dict[int, NDArray[np.intp]] = {}
    for size in np.unique(sizes):
        equal = np.flatnonzero(sizes == size)
        x = X[np.stack([members[c] for c in equal])]
        mixture = kmeans(Shots(lambda x=x: x, x.shape), k, np.full(len(equal), seed))  # type: ignore[misc]
        labels |= {int(c): mixture.labels(i) for i, c in enumerate(equal)}
    first = 0
    for c, rows in enumerate(members):
        clusters[rows] = first + labels[c]
        first += int(labels[c].max()) + 1
    return clusters


def split_ks(sizes: NDArray[np.integer], dim: int, ks: Sequence[int]) -> tuple[int, ...]:
    """Select the k's for which NC1 of split classes is meaningful.

    Clusters need two samples each, and at most half as many clusters as dimensions: with more, Σ_B has directions of
    almost no variance, and Σ_B⁺ explodes.
    """
    largest = min(int(sizes.min()) // 2, dim // (2 * len(sizes)))
    return tuple(k for k in ks if k <= max(1, largest))


def nc1_of_split(X: Array, y: NDArray[np.integer], k: int, seed: int, variant: str = "textbook") -> float:
    """Compute NC1 of the classes split into k clusters each, every cluster counted as a class.

    It falls with k as long as the clusters are separate sub-clusters, and rises when k-means divides one of these:
    the means of its pieces differ less than their samples. X (n, d) are embeddings after NORM, and the seed is that
    of k-means. For fewer than two classes it raises an `ImprintError`.
    """
    require_two_classes(len(np.unique(y)))
    return float(NC1_VARIANTS[variant].per_class(X, split_classes(X, y, k, seed)).mean())
