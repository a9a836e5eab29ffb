"""AGG: from a comparison of proxies with test samples to one score a class.

The class with the highest score wins; of equal scores, the lowest class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imprint_core.choices import look_up
from imprint_core.normalization import Array, l2_scale

if TYPE_CHECKING:
    from imprint_core.recipe import Recipe

# Rounding leaves about this many of the number type's steps between the lengths of equal vectors.
_ROUNDING = 16
# The official code's addition to a covariance before it is inverted, and to a distance.
_RIDGE = 1e-6
_NO_DISTANCE = 1e-10


class Comparison:
    """Proxies set against test samples.

    Parameters
    ----------
    inner : ndarray of shape (p, m)
        Their inner products; proxies are ordered by class.
    starts : ndarray of shape (C,)
        Each class's first proxy.
    squares : callable
        Gives the squared lengths of the proxies (p,) and of the samples (m,).
    vectors : callable
        Gives the proxies (p, d) and the samples (m, d), for a distance that needs them.
    """

    def __init__(
        self,
        inner: Array,
        starts: NDArray[np.intp],
        squares: Callable[[], tuple[Array, Array]],
        vectors: Callable[[], tuple[Array, Array]],
    ) -> None:
        self.inner = inner
        self.starts = starts
        self._squares = squares
        self._vectors = vectors

    @cached_property
    def squares(self) -> tuple[Array, Array]:
        """Squared lengths of the proxies (p,) and of the samples (m,)."""
        return self._squares()

    @cached_property
    def vectors(self) -> tuple[Array, Array]:
        """The proxies (p, d) and the samples (m, d)."""
        return self._vectors()

    @property
    def proxy_class(self) -> NDArray[np.intp]:
        """Class (p,) of every proxy."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(self.inner)))


def compare(proxies: Array, samples: Array, starts: NDArray[np.intp]) -> Comparison:
    """Set proxies (p, d) against samples (m, d)."""
    return Comparison(
        proxies @ samples.T,
        starts,
        lambda: (np.einsum("pd,pd->p", proxies, proxies), np.einsum("md,md->m", samples, samples)),
        lambda: (proxies, samples),
    )


# --- distances -----------------------------------------------------------------------------


def cosine(comparison: Comparison) -> Array:
    """1 − cos of the angle, (m, p); 1 from and to a zero vector."""
    proxies, samples = map(l2_scale, comparison.squares)
    distances = comparison.inner.T * samples[:, None]
    distances *= proxies
    np.subtract(1, distances, out=distances)
    distances[distances < _ROUNDING * np.finfo(distances.dtype).eps] = 0
    return distances


def euclidean(comparison: Comparison) -> Array:
    """Lengths of the differences, (m, p)."""
    proxies, samples = comparison.squares
    distances = comparison.inner.T * comparison.inner.dtype.type(-2)
    distances += proxies
    distances += samples[:, None]
    rounding = _ROUNDING * np.finfo(distances.dtype).eps
    distances[distances < rounding * (proxies.mean() + samples[:, None])] = 0
    return np.sqrt(distances, out=distances)


def manhattan(comparison: Comparison) -> Array:
    """Sums of the absolute differences, (m, p)."""
    from scipy.spatial.distance import cdist

    proxies, samples = comparison.vectors
    return cdist(samples, proxies, "cityblock").astype(proxies.dtype)


def mahalanobis(comparison: Comparison) -> Array:
    """Euclidean after whitening by the proxies' own covariance plus 1e-6 I, (m, p).

    All proxies lie in the span of their deviations from their mean, so outside of it a sample is
    equally far from each of them. One proxy has no covariance; that of 1e-6 I is left.
    """
    proxies, samples = (v.astype(np.float64) for v in comparison.vectors)
    mean = proxies.mean(axis=0)
    proxies, samples = proxies - mean, samples - mean
    _, s, vt = np.linalg.svd(proxies, full_matrices=False)
    axes = vt[s > 1e-10 * max(float(s.max(initial=0)), _NO_DISTANCE)].T
    variances = s[: axes.shape[1]] ** 2 / max(len(proxies) - 1, 1)
    inside = samples @ axes
    outside = ((samples - inside @ axes.T) ** 2).sum(axis=1) / _RIDGE
    scale = 1 / np.sqrt(variances + _RIDGE)
    a, b = inside * scale, (proxies @ axes) * scale
    lengths = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    squares = lengths - 2 * (a @ b.T)
    squares[squares < _ROUNDING * np.finfo(np.float64).eps * lengths] = 0
    return np.sqrt(squares + outside[:, None])


@dataclass(frozen=True)
class Distance:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps a `Comparison` to distances (m, p).
    """

    label: str
    help: str
    function: Callable[[Comparison], Array]


DISTANCES: dict[str, Distance] = {
    "cosine": Distance("cosine", "By the angle; lengths don't matter.", cosine),
    "euclidean": Distance("Euclidean", "The length of the difference.", euclidean),
    "manhattan": Distance("Manhattan", "The sum of the absolute differences over all features.", manhattan),
    "mahalanobis": Distance(
        "Mahalanobis",
        "Euclidean after whitening by the covariance of all proxies, as in the paper's code.",
        mahalanobis,
    ),
}

VOTES = {
    "uniform": "Each of the m nearest proxies has one vote.",
    "distance": "Each of the m nearest proxies votes with one over its distance.",
}
TIES = {
    "distance": "Of classes with equally many votes, the one whose voters are nearer on average wins.",
    "published": "Of classes with equally many votes, the lowest wins, as in the paper's code.",
}

# --- aggregations --------------------------------------------------------------------------


@dataclass(frozen=True)
class Aggregation:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps a `Comparison` and a `Recipe` to scores (C, m).
    uses_distance : bool
        Whether the recipe's m, distance, vote and ties mean anything to it.
    """

    label: str
    help: str
    function: Callable[[Comparison, Recipe], Array]
    uses_distance: bool = False


def maximum(comparison: Comparison, recipe: Recipe) -> Array:
    """The largest inner product among each class's proxies."""
    return np.maximum.reduceat(comparison.inner, comparison.starts, axis=0)


def total(comparison: Comparison, recipe: Recipe) -> Array:
    """The sum of the inner products with each class's proxies."""
    return np.add.reduceat(comparison.inner, comparison.starts, axis=0)


def nearest_neighbours(comparison: Comparison, recipe: Recipe) -> Array:
    """Votes of the m nearest proxies (all, if there are fewer).

    With uniform votes and ties by distance, the share of less than half a vote that a class
    gets on top is the larger the nearer its voters are, so that it only ever decides ties.
    """
    distances = look_up(DISTANCES, recipe.distance, "distance").function(comparison)
    samples, count = distances.shape
    near, gaps = smallest(distances, min(recipe.m, count))
    classes = len(comparison.starts)
    cells = np.arange(samples)[:, None] * classes + comparison.proxy_class[near]

    def sums(weights: Array | None) -> NDArray[np.float64]:
        flat = None if weights is None else weights.ravel()
        counts = np.bincount(cells.ravel(), flat, samples * classes)
        return counts.astype(np.float64).reshape(samples, classes)

    if recipe.vote == "distance":
        return sums(1 / (gaps.astype(np.float64) + _NO_DISTANCE)).T
    votes = sums(None)
    if recipe.ties == "distance":
        average = sums(gaps) / np.maximum(votes, 1)
        widest = gaps[:, -1:].astype(np.float64)
        nearness = 1 - np.divide(average, widest, out=np.zeros_like(average), where=widest > 0)
        votes += np.where(votes > 0, nearness * 0.499, 0)
    return votes.T


def smallest(values: Array, m: int) -> tuple[NDArray[np.intp], Array]:
    """Columns (n, m) of the m smallest values of each row, ascending, and those values."""
    if m == 1:
        columns = np.argmin(values, axis=1)[:, None]
    elif m < values.shape[1]:
        columns = np.argpartition(values, m - 1, axis=1)[:, :m]
    else:
        columns = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    found = np.take_along_axis(values, columns, axis=1)
    order = np.lexsort((columns, found))
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(found, order, axis=1)


AGGREGATIONS: dict[str, Aggregation] = {
    "max": Aggregation("max", "The class of the proxy with the largest inner product wins (paper, AGG).", maximum),
    "mnn": Aggregation("m-NN", "The m nearest proxies vote (paper, AGG).", nearest_neighbours, uses_distance=True),
    "sum": Aggregation(
        "sum", "The class with the largest sum of its proxies' inner products wins; for k-least-squares.", total
    ),
}
