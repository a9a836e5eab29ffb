"""Nearest samples in the original space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Rows per block: 1,024 float64 differences of 2,048 dimensions take 16 MB.
_BLOCK = 1024


def nearest_samples(
    x: Array, X: Array, count: int, exclude: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the samples nearest to x by Euclidean distance, nearest first; ties go to the lower row.

    Parameters
    ----------
    x : ndarray of shape (d,)
    X : ndarray of shape (n, d)
        Samples in the same space.
    count : int
        Number of neighbours; all samples if there are fewer.
    exclude : int, optional
        Row of `X` to leave out, such as x itself.

    Returns
    -------
    rows : ndarray of shape (count,)
        Rows of `X`.
    distances : ndarray of shape (count,)
        Computed from differences: inner products would give equal vectors a small distance.

    Raises
    ------
    ImprintError
        If the dimensions differ.
    """
    if x.shape != X.shape[1:]:
        raise ImprintError(f"x has the shape {x.shape}. Samples have the shape {X.shape[1:]}; use the same space.")
    squares = np.empty(len(X))
    for start in range(0, len(X), _BLOCK):
        differences = X[start : start + _BLOCK].astype(np.float64) - x
        squares[start : start + _BLOCK] = np.square(differences, out=differences).sum(axis=1)
    rows = np.argsort(squares, kind="stable")
    if exclude is not None:
        rows = rows[rows != exclude]
    rows = rows[:count]
    return rows, np.sqrt(squares[rows])
