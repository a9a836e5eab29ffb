"""Nearest samples in the original space, and positions on a map by nearest samples."""

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


_NEIGHBORS = 5
# Distances between points and embeddings that are in memory at once.
_MOST_DISTANCES = 2**22
_TINY = float(np.finfo(np.float32).tiny)


def place_points(
    points: Array, X: Array, positions: NDArray[np.float32], squares: Array | None = None
) -> NDArray[np.float32]:
    """Place points on a map by their nearest embeddings in the original space.

    Parameters
    ----------
    points : ndarray of shape (p, d)
        Vectors to place, such as proxies.
    X : ndarray of shape (n, d)
        Embeddings of the map, in the same space.
    positions : ndarray of shape (n, 2)
        Positions of `X` on the map.
    squares : ndarray of shape (n,), optional
        Squared lengths of `X`.

    Returns
    -------
    ndarray of shape (p, 2), float32
        Medians of the positions of the 5 nearest embeddings, weighted by inverse squared distance. A point that
        equals an embedding gets that embedding's position. (A mean would place a point whose neighbours form two
        groups into the empty space between them.)
    """
    squares = np.einsum("ij,ij->i", X, X) if squares is None else squares
    rows = max(1, _MOST_DISTANCES // len(X))
    blocks = [_placed(points[i : i + rows], X, positions, squares) for i in range(0, len(points), rows)]
    return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)


def _placed(points: Array, X: Array, positions: NDArray[np.float32], squares: Array) -> NDArray[np.float32]:
    near = min(_NEIGHBORS, len(X))
    # The points' own squares change no order and are added later, to the nearest alone.
    distances = (-2 * points) @ X.T
    distances += squares
    nearest = np.argpartition(distances, near - 1, axis=1)[:, :near]
    d = np.take_along_axis(distances, nearest, axis=1)
    d += np.einsum("ij,ij->i", points, points)[:, None]
    # Between equal float32 vectors about 1e-6 of the squared length remains.
    floor = max(1e-5 * float(squares.mean()), _TINY)
    # Scaled to at most 1, so that sums stay within float32; only ratios of weights matter.
    weights = (floor / np.maximum(d, floor))[:, :, None]
    neighbors = positions[nearest]
    order = np.argsort(neighbors, axis=1)
    cumulative = np.cumsum(np.take_along_axis(np.broadcast_to(weights, neighbors.shape), order, 1), axis=1)
    middle = np.argmax(cumulative >= cumulative[:, -1:] / 2, axis=1)
    median = np.take_along_axis(np.take_along_axis(neighbors, order, 1), middle[:, None], 1)[:, 0]
    return np.asarray(median, dtype=np.float32)
