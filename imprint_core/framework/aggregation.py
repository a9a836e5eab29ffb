"""AGG: from a comparison of proxies with test samples to one score a class.

The class with the highest score wins; of equal scores, the lowest class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.normalization import Array, l2_scale
from imprint_core.registry import Entry, look_up

# Rounding leaves about this many of the number type's steps between the lengths of equal vectors.
ROUNDING = 16
# The official code's addition to a covariance before it is inverted, and to a distance.
_RIDGE = 1e-6
NO_DISTANCE = 1e-10
# Less than half a vote: what nearness adds to decide ties.
TIE_SHARE = 0.499
_BLOCK = 32


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
    """−cos of the angle, (p, m); 0 from and to a zero vector."""
    proxies, samples = map(l2_scale, comparison.squares)
    values = comparison.inner * -proxies[:, None]
    values *= samples
    return values


def _from_cosine(values: Array, samples: Array) -> Array:
    distances = 1 + values
    return np.where(distances < ROUNDING * np.finfo(values.dtype).eps, 0, distances)


def euclidean(comparison: Comparison) -> Array:
    """Half the squared distances less what is the same for all proxies, (p, m): one pass over the inner products."""
    proxies, _ = comparison.squares
    return (proxies / 2)[:, None] - comparison.inner


def _from_half_squares(values: Array, samples: Array) -> Array:
    squares = 2 * values + samples
    return np.sqrt(np.where(squares < ROUNDING * np.finfo(values.dtype).eps * samples, 0, squares))


def manhattan(comparison: Comparison) -> Array:
    """Sums of the absolute differences, (p, m)."""
    from scipy.spatial.distance import cdist

    proxies, samples = comparison.vectors
    return cdist(proxies, samples, "cityblock").astype(proxies.dtype)


def mahalanobis_axes(
    proxies: Array,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Mean (d,), principal axes (d, r), one over their widths (r,), and the variance elsewhere, of proxies (p, d).

    Of their covariance plus 1e-6 I, as in the paper's code. One proxy has no covariance: r is 0.
    """
    x = proxies.astype(np.float64)
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    axes = vt[s > 1e-10 * max(float(s.max(initial=0)), NO_DISTANCE)].T
    variances = s[: axes.shape[1]] ** 2 / max(len(x) - 1, 1)
    return mean, axes, 1 / np.sqrt(variances + _RIDGE), _RIDGE


def mahalanobis(comparison: Comparison) -> Array:
    """Euclidean after whitening by the proxies' own covariance plus 1e-6 I, (p, m).

    All proxies lie in the span of their deviations from their mean, so outside of it a sample is
    equally far from each of them.
    """
    proxies, samples = comparison.vectors
    mean, axes, scale, ridge = mahalanobis_axes(proxies)
    centred = samples - mean
    inside = centred @ axes
    outside = ((centred - inside @ axes.T) ** 2).sum(axis=1) / ridge
    a, b = ((proxies - mean) @ axes) * scale, inside * scale
    lengths = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    squares = lengths - 2 * (a @ b.T)
    squares[squares < ROUNDING * np.finfo(np.float64).eps * lengths] = 0
    return np.sqrt(squares + outside)


@dataclass(frozen=True)
class Distance(Entry):
    """An entry of the table.

    Attributes
    ----------
    order : callable
        Maps a `Comparison` to values (p, m) that are the smaller the nearer a proxy is to a sample.
    lengths : callable
        Maps such values (m, n) and the samples' squared lengths (m, 1) to distances (m, n).
    """

    order: Callable[[Comparison], Array]
    lengths: Callable[[Array, Array], Array] = lambda values, samples: values

    def nearest(self, comparison: Comparison, m: int) -> tuple[NDArray[np.intp], Array]:
        """The m nearest proxies (m', m) of each of m' samples, nearest first, and their distances."""
        near, values = smallest(self.order(comparison), min(m, len(comparison.inner)))
        return near, self.lengths(values, comparison.squares[1][:, None])


DISTANCES: dict[str, Distance] = {
    "cosine": Distance("cosine", "By the angle; lengths don't matter.", cosine, _from_cosine),
    "euclidean": Distance("Euclidean", "The length of the difference.", euclidean, _from_half_squares),
    "manhattan": Distance("Manhattan", "The sum of the absolute differences over all features.", manhattan),
    "mahalanobis": Distance(
        "Mahalanobis",
        "Euclidean after whitening by the covariance of all proxies, as in the paper's code.",
        mahalanobis,
    ),
}

VOTES: dict[str, Entry] = {
    "uniform": Entry("uniform", "Each of the m nearest proxies has one vote."),
    "distance": Entry("by distance", "Each of the m nearest proxies votes with the inverse of its distance."),
}
TIES: dict[str, Entry] = {
    "distance": Entry("by distance", "Of classes with equal votes, the one with the nearer voters on average wins."),
    "published": Entry("published", "Of classes with equal votes, the lowest wins, as in the paper's code."),
}

# --- aggregations --------------------------------------------------------------------------


class Voting(NamedTuple):
    """How m-NN votes: the parts of a recipe of the same names."""

    m: int = 5
    distance: str = "euclidean"
    vote: str = "uniform"
    ties: str = "distance"


@dataclass(frozen=True)
class Aggregation(Entry):
    """An entry of the table.

    Attributes
    ----------
    function : callable
        Maps a `Comparison` and a `Voting` to scores (C, m).
    uses_distance : bool
        Whether the voting means anything to it.
    """

    function: Callable[[Comparison, Voting], Array]
    uses_distance: bool = False


def maximum(comparison: Comparison, voting: Voting) -> Array:
    """The largest inner product among each class's proxies."""
    return np.maximum.reduceat(comparison.inner, comparison.starts, axis=0)


def total(comparison: Comparison, voting: Voting) -> Array:
    """The sum of the inner products with each class's proxies."""
    return np.add.reduceat(comparison.inner, comparison.starts, axis=0)


def nearest_neighbours(comparison: Comparison, voting: Voting) -> Array:
    """Votes of the m nearest proxies (all, if there are fewer).

    With uniform votes and ties by distance, the share of less than half a vote that a class
    gets on top is the larger the nearer its voters are, so that it only ever decides ties.
    """
    near, gaps = look_up(DISTANCES, voting.distance, "distance").nearest(comparison, voting.m)
    samples, classes = len(near), len(comparison.starts)
    cells = np.arange(samples)[:, None] * classes + comparison.proxy_class[near]

    def sums(weights: Array | None) -> NDArray[np.float64]:
        flat = None if weights is None else weights.ravel()
        counts = np.bincount(cells.ravel(), flat, samples * classes)
        return counts.astype(np.float64).reshape(samples, classes)

    if voting.vote == "distance":
        return sums(1 / (gaps.astype(np.float64) + NO_DISTANCE)).T
    votes = sums(None)
    if voting.ties == "distance":
        average = sums(gaps) / np.maximum(votes, 1)
        widest = gaps[:, -1:].astype(np.float64)
        nearness = 1 - np.divide(average, widest, out=np.zeros_like(average), where=widest > 0)
        votes += np.where(votes > 0, nearness * TIE_SHARE, 0)
    return votes.T


def smallest(values: Array, m: int) -> tuple[NDArray[np.intp], Array]:
    """Rows (n, m) of the m smallest values of each column of `values` (p, n), ascending, and those values.

    The m smallest lie in the m blocks of rows with the smallest minima, so that a long column is
    partitioned only there.
    """
    p, n = values.shape
    blocks = p // _BLOCK
    if blocks > 2 * m:
        minima = values[: blocks * _BLOCK].reshape(blocks, _BLOCK, n).min(axis=1)
        chosen = np.argpartition(minima.T, m - 1, axis=1)[:, :m]
        inside = chosen[:, :, None] * _BLOCK + np.arange(_BLOCK)
        rest = np.broadcast_to(np.arange(blocks * _BLOCK, p), (n, p - blocks * _BLOCK))
        rows = np.concatenate([inside.reshape(n, -1), rest], axis=1)
        found = values[rows, np.arange(n)[:, None]]
    else:
        rows, found = np.broadcast_to(np.arange(p), (n, p)), values.T
    if m < found.shape[1]:
        part = np.argpartition(found, m - 1, axis=1)[:, :m]
        rows, found = np.take_along_axis(rows, part, axis=1), np.take_along_axis(found, part, axis=1)
    # Of equal values the lower row comes first.
    by_row = np.argsort(rows, axis=1)
    rows, found = np.take_along_axis(rows, by_row, axis=1), np.take_along_axis(found, by_row, axis=1)
    order = np.argsort(found, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1)


AGGREGATIONS: dict[str, Aggregation] = {
    "max": Aggregation("max", "The class of the proxy with the largest inner product wins (paper, AGG).", maximum),
    "mnn": Aggregation("m-NN", "The m nearest proxies vote (paper, AGG).", nearest_neighbours, uses_distance=True),
    "sum": Aggregation(
        "sum", "The class with the largest sum of its proxies' inner products wins; for k-least-squares.", total
    ),
}
