"""What neural collapse is measured on: where each class is, and how it varies around there.

Two passes over the embeddings, a block of rows at a time, so that sets larger than memory can be
measured; the measures themselves are in `collapse`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

Floats = NDArray[np.float64]
Blocks = Callable[[], Iterable[tuple[Array, NDArray[np.integer]]]]

# Class means that differ by less than this, relative to the largest spread, count as one
# direction: float64 leaves about 1e-16, float32 embeddings about 1e-7.
RANK_TOLERANCE = 1e-6
_TINY = float(np.finfo(np.float32).tiny)
# Entries of a block: what the processor keeps close while it is read a few times.
_CELLS = 2**19


@dataclass(frozen=True)
class ClassStatistics:
    """Means and spreads of C classes of d-dimensional embeddings.

    Attributes
    ----------
    sizes : ndarray of shape (C,)
        Samples a class.
    means : ndarray of shape (C, d)
    center : ndarray of shape (d,)
        μ_G: the mean of the class means, or, as the paper's code has it, of the samples.
    axes : ndarray of shape (r, d)
        Orthonormal directions in which the class means differ: eigenvectors of Σ_B of rank r.
    between : ndarray of shape (r,)
        Variance of the class means along them: its eigenvalues.
    along : ndarray of shape (C, r)
        Variance of each class along them.
    variances : ndarray of shape (C,)
        Variance of each class in all directions: trace(Σ_c).
    covariance : ndarray of shape (d, d) or None
        Σ_W, the mean of the classes' covariances, where it was asked for.
    """

    sizes: NDArray[np.int64]
    means: Floats
    center: Floats
    axes: Floats
    between: Floats
    along: Floats
    variances: Floats
    covariance: Floats | None = None

    @property
    def centered(self) -> Floats:
        """Class means (C, d) seen from μ_G."""
        return self.means - self.center


def class_statistics(
    X: Array, y: NDArray[np.integer], *, center: str = "classes", covariance: bool = False
) -> ClassStatistics:
    """Statistics of embeddings in memory.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.
    y : ndarray of shape (n,)
        Their classes, which come out in sorted order.
    center, covariance
        As for `streamed_statistics`.

    Returns
    -------
    ClassStatistics

    Raises
    ------
    ImprintError
        Without samples.
    """
    labels, codes = np.unique(y, return_inverse=True)
    rows = max(1, _CELLS // max(1, X.shape[1]))

    def blocks() -> Iterable[tuple[Array, NDArray[np.integer]]]:
        return ((X[i : i + rows], codes[i : i + rows]) for i in range(0, len(X), rows))

    return streamed_statistics(blocks, len(labels), center=center, covariance=covariance)


def streamed_statistics(
    blocks: Blocks, classes: int, *, center: str = "classes", covariance: bool = False
) -> ClassStatistics:
    """Statistics of embeddings that come in blocks.

    Parameters
    ----------
    blocks : callable
        Gives the blocks anew each time it is called: X of shape (rows, d) and classes
        0 … C − 1 of shape (rows,). It is called twice.
    classes : int
        C.
    center : {"classes", "samples"}
        μ_G as the mean of the class means, or of all samples, as in the paper's code. They
        differ where classes differ in size.
    covariance : bool
        Whether Σ_W is wanted, which takes d² memory and by far the most time.

    Returns
    -------
    ClassStatistics

    Raises
    ------
    ImprintError
        Where a class has no sample.
    """
    sizes = np.zeros(classes, dtype=np.int64)
    sums: Floats | None = None
    for X, y in blocks():
        sizes += np.bincount(y, minlength=classes)
        here, total = _sums(X, y)
        sums = np.zeros((classes, X.shape[1])) if sums is None else sums
        sums[here] += total
    if sums is None or not sizes.all():
        raise ImprintError("Every class needs at least one sample to be measured.")
    means = sums / sizes[:, None]
    middle = means.mean(axis=0) if center == "classes" else sums.sum(axis=0) / sizes.sum()
    axes, between = _between(means - middle, center)

    along, variances = np.zeros((classes, len(between))), np.zeros(classes)
    within = np.zeros((means.shape[1], means.shape[1])) if covariance else None
    for X, y in blocks():
        # Differences first: a projection of embeddings far from the origin would round them away.
        residuals = X - means.astype(X.dtype)[y]
        here, squares = _sums((residuals @ axes.T.astype(X.dtype)) ** 2, y)
        along[here] += squares
        here, squares = _sums(np.einsum("ij,ij->i", residuals, residuals)[:, None], y)
        variances[here] += squares[:, 0]
        if within is not None:
            weighted = residuals / np.sqrt(classes * sizes[y].astype(np.float64))[:, None]
            within += weighted.T @ weighted
    return ClassStatistics(
        sizes, means, middle, axes, between, along / sizes[:, None], variances / sizes, covariance=within
    )


def _sums(values: NDArray[np.floating], y: NDArray[np.integer]) -> tuple[NDArray[np.integer], Floats]:
    """The classes there are among y, and the sums of their values (rows, w) in float64."""
    if not len(y):
        return np.zeros(0, dtype=int), np.zeros((0, values.shape[1]))
    if np.any(y[1:] < y[:-1]):
        order = np.argsort(y, kind="stable")
        values, y = values[order], y[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(y)) + 1])
    return y[starts], np.add.reduceat(values, starts, axis=0, dtype=np.float64)


def _between(centered: Floats, center: str) -> tuple[Floats, Floats]:
    """Axes and eigenvalues of Σ_B, from the singular values of the centred means."""
    _, s, vt = np.linalg.svd(centered / np.sqrt(len(centered)), full_matrices=False)
    if center == "classes":
        # They sum to nothing, so the last singular value is rounding.
        s, vt = s[: len(centered) - 1], vt[: len(centered) - 1]
    keep = s > RANK_TOLERANCE * max(float(s.max(initial=0)), _TINY)
    return vt[keep], s[keep] ** 2
