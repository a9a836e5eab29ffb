"""Affine feature maps that transforms apply to shots and test embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.framework.normalization import Array, identity, l2


@dataclass(frozen=True)
class FeatureMap:
    """x ↦ scale · (I + V diag(gains) Vᵀ) (base(x) − centre).

    Attributes
    ----------
    base : {"none", "l2", "power"}
        First step, applied to each vector.
    centre : ndarray of shape (d,), or None
    axes : ndarray of shape (d, r), or None
        Orthonormal columns, V.
    gains : ndarray of shape (r,), or None
    scale : float
    shrinkage : float or None
        Shrinkage s that was used; None if there is none.
    remark : str
        Note on this fit for the user; empty if there is none.
    """

    base: str = "none"
    centre: Array | None = None
    axes: Array | None = None
    gains: Array | None = None
    scale: float = 1.0
    shrinkage: float | None = None
    remark: str = ""

    @lazy_property
    def _matrix(self) -> Array | None:
        """The linear part as one matrix; None if its two factors need fewer operations."""
        if self.axes is None or self.gains is None or 2 * self.axes.shape[1] < self.axes.shape[0]:
            return None
        matrix = (self.axes * self.gains) @ self.axes.T
        matrix[np.diag_indices(len(matrix))] += 1
        return matrix * matrix.dtype.type(self.scale)

    def __call__(self, x: Array) -> Array:
        """Map vectors (n, d) to vectors (n, d)."""
        x = BASES[self.base](x)
        if self.centre is not None:
            x = x - self.centre.astype(x.dtype)
        if self.axes is None or self.gains is None:
            return x
        if self._matrix is not None:
            return x @ self._matrix.astype(x.dtype)
        axes = self.axes.astype(x.dtype)
        return (x + ((x @ axes) * self.gains.astype(x.dtype)) @ axes.T) * x.dtype.type(self.scale)


def power(x: Array) -> Array:
    """Signed square root of every feature (Hu et al., 2021, PT-MAP: β = ½)."""
    return np.sign(x) * np.sqrt(np.abs(x))


BASES: dict[str, Callable[[Array], Array]] = {"none": identity, "l2": l2, "power": power}


def class_means(x: Array, codes: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Means (C, d) and sizes (C,) of the classes of x (n, d), numbered (n,) from 0."""
    sizes = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(x[order], starts, axis=0, dtype=np.float64) / sizes[:, None], sizes
