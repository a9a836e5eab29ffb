"""How collapse goes with k: NC1 and accuracy over k of one task, where that has its elbow, and NC1 of split classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import Split
from imprint_core.framework.generation import Shots, kmeans
from imprint_core.framework.normalization import NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe


@dataclass(frozen=True)
class TaskCurve:
    """One draw of a task.

    Attributes
    ----------
    nc1 : dict of str to float
        NC1 of the shots after NORM_pre, before any transform; by the keys of `NC1_VARIANTS`.
    accuracy : ndarray of shape (len(ks),)
        Percent of the test samples that are right at each k.
    """

    nc1: dict[str, float]
    accuracy: NDArray[np.float64]


def task_curve(pool: Split, recipe: Recipe, ks: Sequence[int], n: int | None, seed: int) -> TaskCurve:
    """NC1 and accuracy over k of a task (paper, Fig. 11 and 12).

    Parameters
    ----------
    pool : Split
    recipe : Recipe
        Its own k is not looked at.
    ks : sequence of int
    n : int or None
        Shots a class; None for all.
    seed : int

    Raises
    ------
    ImprintError
        For fewer than two classes.
    """
    evaluator = Evaluator(pool, recipe.space)
    rows = np.concatenate(evaluator.shots(n, seed))
    shots = NORMALIZATIONS[recipe.norm_pre].function(pool.X_train[rows])
    values = {name: float(v.per_class(shots, pool.y_train[rows]).mean()) for name, v in NC1_VARIANTS.items()}
    return TaskCurve(values, evaluator.accuracy_over_k(recipe, ks, n, [seed])[:, 0])


def elbow(ks: Sequence[int], accuracy: NDArray[np.floating]) -> int:
    """Where a curve bends: the k at which two straight lines that meet there fit it best, by least squares.

    Parameters
    ----------
    ks : sequence of int
        Ascending.
    accuracy : ndarray of shape (len(ks),)

    Returns
    -------
    int
        One of the inner k's, of equally good ones the first; the first k where there are fewer than three.
    """
    return _elbow(tuple(map(float, ks)), tuple(map(float, accuracy)))


# A page asks about the same curves whenever it is drawn.
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
    """Each class parted into k by k-means: parts (n,), numbered from 0 up, in the order of the classes.

    Classes of one size are parted together, as GEN does.
    """
    parts = np.empty(len(y), dtype=np.intp)
    members = [np.flatnonzero(y == c) for c in np.unique(y)]
    sizes = np.array([len(m) for m in members])
    labels: dict[int, NDArray[np.intp]] = {}
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        x = X[np.stack([members[c] for c in alike])]
        mixture = kmeans(Shots(lambda x=x: x, x.shape), k, np.full(len(alike), seed))  # type: ignore[misc]
        labels |= {int(c): mixture.labels(i) for i, c in enumerate(alike)}
    first = 0
    for c, rows in enumerate(members):
        parts[rows] = first + labels[c]
        first += int(labels[c].max()) + 1
    return parts


def split_ks(sizes: NDArray[np.integer], dim: int, ks: Sequence[int]) -> tuple[int, ...]:
    """The k's at which NC1 of split classes says something.

    Parts of one sample have no spread; and where the parts are nearly as many as the dimensions, some direction
    between them has almost no variance and Σ_B⁺ explodes.
    """
    most = min(int(sizes.min()) // 2, dim // (2 * len(sizes)))
    return tuple(k for k in ks if k <= max(1, most))


def nc1_of_split(X: Array, y: NDArray[np.integer], k: int, seed: int, variant: str = "textbook") -> float:
    """NC1 of the classes split into k parts each, every part counted as a class.

    It falls as long as the parts stand apart, and rises as soon as they are pieces of one cloud: their means then
    differ less than their samples.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings after NORM.
    y : ndarray of shape (n,)
    k : int
    seed : int
        Of k-means.
    variant : str
        Key of `NC1_VARIANTS`.

    Raises
    ------
    ImprintError
        For fewer than two classes.
    """
    if len(np.unique(y)) < 2:
        raise ImprintError("NC1 compares classes; it needs samples of at least two.")
    return float(NC1_VARIANTS[variant].per_class(X, split_classes(X, y, k, seed)).mean())
