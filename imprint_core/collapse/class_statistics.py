"""Means and variances of classes, in two passes over blocks of embeddings.

Sets larger than memory can be read block by block. The measures of neural collapse are in `measures`.
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

# Singular values of the class means below this share of the largest are rounding errors: those of float32 embeddings
# are about 1e-7.
RANK_TOLERANCE = 1e-6
_TINY = float(np.finfo(np.float32).tiny)
# Entries per block: few enough to stay in the processor's cache.
_BLOCK_SIZE = 2**19


@dataclass(frozen=True)
class ClassStatistics:
    """Means and variances of C classes of d-dimensional embeddings.

    Attributes
    ----------
    sizes : ndarray of shape (C,)
        Samples per class.
    means : ndarray of shape (C, d)
    center : ndarray of shape (d,)
        The global mean μ_G: of the class means, or of all samples as in the paper's code.
    axes : ndarray of shape (r, d)
        Eigenvectors of Σ_B, which has rank r: orthonormal directions in which the class means differ.
    between : ndarray of shape (r,)
        Eigenvalues of Σ_B: variance of the class means along `axes`.
    along_axes : ndarray of shape (C, r)
        Variance of each class along `axes`.
    variances : ndarray of shape (C,)
        Total variance of each class, trace(Σ_c).
    covariance : ndarray of shape (d, d) or None
        Σ_W, the mean of the classes' covariance matrices; None unless requested.
    """

    sizes: NDArray[np.int64]
    means: Floats
    center: Floats
    axes: Floats
    between: Floats
    along_axes: Floats
    variances: Floats
    covariance: Floats | None = None

    @property
    def centered(self) -> Floats:
        """Class means minus μ_G, of shape (C, d)."""
        return self.means - self.center


@dataclass(frozen=True)
class NormalizedRows:
    """Some rows of embeddings after NORM; a slice is computed when it is read, so that no copy of all is in memory.

    Attributes
    ----------
    X : ndarray of shape (N, d)
    rows : ndarray of shape (n,), int
    normalize : callable
        Maps vectors (m, d) to normalised ones.
    """

    X: Array
    rows: NDArray[np.integer]
    normalize: Callable[[Array], Array]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows n and of dimensions d."""
        return len(self.rows), self.X.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> Array:
        return self.normalize(self.X[self.rows[part]])


def class_statistics(
    X: Array | NormalizedRows, y: NDArray[np.integer], *, center: str = "classes", covariance: bool = False
) -> ClassStatistics:
    """Compute the statistics of embeddings X (n, d) in memory, of their classes y (n,) in ascending order.

    `center` and `covariance` are those of `streamed_statistics`. Without samples it raises an `ImprintError`.
    """
    labels, codes = np.unique(y, return_inverse=True)
    rows = max(1, _BLOCK_SIZE // max(1, X.shape[1]))

    def blocks() -> Iterable[tuple[Array, NDArray[np.integer]]]:
        return ((X[i : i + rows], codes[i : i + rows]) for i in range(0, len(X), rows))

    return streamed_statistics(blocks, len(labels), center=center, covariance=covariance)


def streamed_statistics(
    blocks: Blocks, classes: int, *, center: str = "classes", covariance: bool = False
) -> ClassStatistics:
    """Compute the statistics of embeddings read in blocks.

    Parameters
    ----------
    blocks : callable
        Returns an iterator of blocks: X of shape (rows, d) and classes 0 … C − 1 of shape (rows,). Called twice.
    classes : int
        C.
    center : {"classes", "samples"}
        μ_G as the mean of the class means (default), or of all samples as in the paper's code. They differ if
        classes differ in size.
    covariance : bool
        Whether to compute Σ_W, which needs d² memory and most of the time (default: False).

    Raises
    ------
    ImprintError
        If a class has no sample.
    """
    sizes = np.zeros(classes, dtype=np.int64)
    sums: Floats | None = None
    for X, y in blocks():
        sizes += np.bincount(y, minlength=classes)
        present, total = _class_sums(X, y)
        sums = np.zeros((classes, X.shape[1])) if sums is None else sums
        sums[present] += total
    if sums is None or not sizes.all():
        raise ImprintError("Every class needs at least one sample.")
    total = sums.sum(axis=0)
    means = np.divide(sums, sizes[:, None], out=sums)
    global_mean = means.mean(axis=0) if center == "classes" else total / sizes.sum()
    axes, between = _between_classes(means - global_mean, center)

    along_axes, variances = np.zeros((classes, len(between))), np.zeros(classes)
    within = np.zeros((means.shape[1], means.shape[1])) if covariance else None
    for X, y in blocks():
        # Subtract before projecting: rounding errors grow with the distance of the embeddings from the origin.
        residuals = X - means.astype(X.dtype)[y]
        present, squares = _class_sums((residuals @ axes.T.astype(X.dtype)) ** 2, y)
        along_axes[present] += squares
        present, squares = _class_sums(np.einsum("ij,ij->i", residuals, residuals)[:, None], y)
        variances[present] += squares[:, 0]
        if within is not None:
            weighted = residuals / np.sqrt(classes * sizes[y].astype(np.float64))[:, None]
            within += weighted.T @ weighted
    return ClassStatistics(
        sizes, means, global_mean, axes, between, along_axes / sizes[:, None], variances / sizes, within
    )


def _class_sums(values: NDArray[np.floating], y: NDArray[np.integer]) -> tuple[NDArray[np.integer], Floats]:
    """Return the classes present in y, and the sum of the values (rows, w) of each in float64."""
    if not len(y):
        return np.zeros(0, dtype=int), np.zeros((0, values.shape[1]))
    if np.any(y[1:] < y[:-1]):
        order = np.argsort(y, kind="stable")
        values, y = values[order], y[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(y)) + 1])
    return y[starts], np.add.reduceat(values, starts, axis=0, dtype=np.float64)


def _between_classes(centered: Floats, center: str) -> tuple[Floats, Floats]:
    """Return eigenvectors and eigenvalues of Σ_B from the centred class means, which it overwrites."""
    centered /= np.sqrt(len(centered))
    _, s, vt = np.linalg.svd(centered, full_matrices=False)
    if center == "classes":
        # The centred means sum to zero, so the last singular value is a rounding error.
        s, vt = s[: len(centered) - 1], vt[: len(centered) - 1]
    keep = s > RANK_TOLERANCE * max(float(s.max(initial=0)), _TINY)
    return vt[keep], s[keep] ** 2
