"""The samples nearest to one, and those that each proxy won."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Samples whose differences are held at once: 2048 dimensions of as many take 16 MB.
_PART = 1024


def nearest_samples(
    x: Array, X: Array, count: int, exclude: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The samples nearest to x by Euclidean distance, nearest first; of equally near ones the lower row comes first.

    Parameters
    ----------
    x : ndarray of shape (d,)
    X : ndarray of shape (n, d)
        The samples, in the same space.
    count : int
        How many, from 0 up; all, where there are fewer.
    exclude : int, optional
        A row of `X` to leave out, such as x's own.

    Returns
    -------
    rows : ndarray of shape (count,)
        Of `X`.
    distances : ndarray of shape (count,)
        From differences, not from inner products: those leave equal vectors a little apart.

    Raises
    ------
    ImprintError
        If x and X don't fit each other.
    """
    if x.shape != X.shape[1:]:
        raise ImprintError(f"x has the shape {x.shape}; samples of {X.shape[1:]} can only be compared with their like.")
    squares = np.empty(len(X))
    for start in range(0, len(X), _PART):
        differences = X[start : start + _PART].astype(np.float64) - x
        squares[start : start + _PART] = np.square(differences, out=differences).sum(axis=1)
    rows = np.argsort(squares, kind="stable")
    if exclude is not None:
        rows = rows[rows != exclude]
    rows = rows[:count]
    return rows, np.sqrt(squares[rows])


def won_by(winner: NDArray[np.integer], proxies: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """For each of `proxies` (p,), the samples whose winner it is, ascending.

    `winner` (m,) is each sample's, as in `Explanation`.
    """
    order = np.argsort(winner, kind="stable")
    ends = np.searchsorted(winner[order], np.stack([proxies, np.asarray(proxies) + 1]))
    return [order[start:end] for start, end in ends.T]
