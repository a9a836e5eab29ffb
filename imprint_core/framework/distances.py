"""Comparison of proxies with test samples, and the distances of m-NN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.framework.normalization import Array, l2_scale
from imprint_core.registry import Entry

# Rounding error of the lengths of equal vectors, in steps of the number type.
ROUNDING = 16
# Added to a covariance before it is inverted, and to a distance before it is inverted, as in the official code.
_RIDGE = 1e-6
NO_DISTANCE = 1e-10
_BLOCK = 32


class Comparison:
    """Comparison of proxies with test samples; lengths and vectors are computed only when they are needed.

    Parameters
    ----------
    inner : ndarray of shape (p, m)
        Inner products; proxies are ordered by class.
    starts : ndarray of shape (C,)
        First proxy of each class.
    squares : callable
        Returns the squared lengths of the proxies (p,) and of the samples (m,).
    vectors : callable
        Returns the proxies (p, d) and the samples (m, d).
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

    @lazy_property
    def squares(self) -> tuple[Array, Array]:
        """Squared lengths of the proxies (p,) and of the samples (m,)."""
        return self._squares()

    @lazy_property
    def vectors(self) -> tuple[Array, Array]:
        """Proxies (p, d) and samples (m, d)."""
        return self._vectors()

    @property
    def proxy_class(self) -> NDArray[np.intp]:
        """Class (p,) of every proxy."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(self.inner)))


def compare(proxies: Array, samples: Array, starts: NDArray[np.intp]) -> Comparison:
    """Compare proxies (p, d) with samples (m, d)."""
    return Comparison(
        proxies @ samples.T,
        starts,
        lambda: (np.einsum("pd,pd->p", proxies, proxies), np.einsum("md,md->m", samples, samples)),
        lambda: (proxies, samples),
    )


def cosine(comparison: Comparison) -> Array:
    """Negative cosine of the angle, (p, m); 0 for zero vectors."""
    proxies, samples = map(l2_scale, comparison.squares)
    values = comparison.inner * -proxies[:, None]
    values *= samples
    return values


def _from_cosine(values: Array, samples: Array) -> Array:
    distances = 1 + values
    return np.where(distances < ROUNDING * np.finfo(values.dtype).eps, 0, distances)


def euclidean(comparison: Comparison) -> Array:
    """Half the squared distances minus half the squared lengths of the samples, (p, m), in one pass."""
    proxies, _ = comparison.squares
    return (proxies / 2)[:, None] - comparison.inner


def _from_half_squares(values: Array, samples: Array) -> Array:
    squares = 2 * values + samples
    return np.sqrt(np.where(squares < ROUNDING * np.finfo(values.dtype).eps * samples, 0, squares))


def manhattan(comparison: Comparison) -> Array:
    """Sums of absolute differences, (p, m)."""
    from scipy.spatial.distance import cdist

    proxies, samples = comparison.vectors
    return cdist(proxies, samples, "cityblock").astype(proxies.dtype)


def mahalanobis_axes(
    proxies: Array,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Principal axes of the covariance of proxies (p, d) plus 1e-6 I, as in the official code.

    Returns
    -------
    mean : ndarray of shape (d,)
    axes : ndarray of shape (d, r)
        r is 0 for a single proxy.
    scale : ndarray of shape (r,)
        Inverse standard deviations along the axes.
    variance : float
        Variance orthogonal to the axes.
    """
    x = proxies.astype(np.float64)
    mean = x.mean(axis=0)
    _, s, vt = np.linalg.svd(x - mean, full_matrices=False)
    axes = vt[s > 1e-10 * max(float(s.max(initial=0)), NO_DISTANCE)].T
    variances = s[: axes.shape[1]] ** 2 / max(len(x) - 1, 1)
    return mean, axes, 1 / np.sqrt(variances + _RIDGE), _RIDGE


def mahalanobis(comparison: Comparison) -> Array:
    """Euclidean distance after whitening by the covariance of the proxies plus 1e-6 I, (p, m).

    All proxies lie in the span of their deviations from the mean. Orthogonal to it, a sample is equally far from
    every proxy.
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
    """An entry of the table of distances.

    Attributes
    ----------
    order : callable
        Maps a `Comparison` to values (p, m) that rank proxies like the distance does.
    lengths : callable
        Maps such values (m, n) and the samples' squared lengths (m, 1) to distances (m, n).
    by_angle : bool
        Whether the lengths of vectors have no effect.
    """

    order: Callable[[Comparison], Array]
    lengths: Callable[[Array, Array], Array] = lambda values, samples: values
    by_angle: bool = False

    def nearest(self, comparison: Comparison, m: int) -> tuple[NDArray[np.intp], Array]:
        """Rows and distances (n, m) of the m nearest proxies of each of n samples, nearest first."""
        rows, values = smallest(self.order(comparison), min(m, len(comparison.inner)))
        return rows, self.lengths(values, comparison.squares[1][:, None])


DISTANCES: dict[str, Distance] = {
    "cosine": Distance("cosine", "One minus the cosine of the angle.", cosine, _from_cosine, by_angle=True),
    "euclidean": Distance("Euclidean", "Length of the difference.", euclidean, _from_half_squares),
    "manhattan": Distance("Manhattan", "Sum of absolute differences over all features.", manhattan),
    "mahalanobis": Distance(
        "Mahalanobis",
        "Euclidean distance after whitening by the covariance of all proxies, as in the official code.",
        mahalanobis,
    ),
}


def smallest(values: Array, m: int) -> tuple[NDArray[np.intp], Array]:
    """Rows (n, m) of the m smallest values of each column of `values` (p, n), in ascending order, and these values.

    The m smallest values are in the m blocks of rows with the smallest minima, so only these blocks are partitioned.
    """
    p, n = values.shape
    blocks = p // _BLOCK
    if blocks > 2 * m:
        minima = values[: blocks * _BLOCK].reshape(blocks, _BLOCK, n).min(axis=1)
        nearest_blocks = np.argpartition(minima.T, m - 1, axis=1)[:, :m]
        inside = nearest_blocks[:, :, None] * _BLOCK + np.arange(_BLOCK)
        rest = np.broadcast_to(np.arange(blocks * _BLOCK, p), (n, p - blocks * _BLOCK))
        rows = np.concatenate([inside.reshape(n, -1), rest], axis=1)
        candidates = values[rows, np.arange(n)[:, None]]
    else:
        rows, candidates = np.broadcast_to(np.arange(p), (n, p)), values.T
    if m < candidates.shape[1]:
        part = np.argpartition(candidates, m - 1, axis=1)[:, :m]
        rows, candidates = np.take_along_axis(rows, part, axis=1), np.take_along_axis(candidates, part, axis=1)
    # Of equal values the lower row comes first.
    by_row = np.argsort(rows, axis=1)
    rows, candidates = np.take_along_axis(rows, by_row, axis=1), np.take_along_axis(candidates, by_row, axis=1)
    order = np.argsort(candidates, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(candidates, order, axis=1)
