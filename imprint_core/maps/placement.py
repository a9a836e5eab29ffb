"""Position of proxies on a map: the weighted median of their nearest embeddings' positions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.normalization import Array

_NEIGHBORS = 5
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
    near = min(_NEIGHBORS, len(X))
    squares = np.einsum("ij,ij->i", X, X) if squares is None else squares
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
