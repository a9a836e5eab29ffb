"""The 2-D base map of a set's embeddings, and where proxies go on it.

One map for each (FM, dataset, normalisation, method): it doesn't depend on classes, shots or
recipe, so nothing on it moves but the proxies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.normalization import Array

MAP_SEED = 0
_PCA_WIDTH = 50
_NEIGHBORS = 15
_PLACED_BY = 5
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class MapMethod:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps embeddings (n, d) to positions (n, 2).
    to_scale : bool
        Whether lengths along both axes can be compared.
    """

    label: str
    help: str
    function: Callable[[Array], NDArray[np.float32]]
    to_scale: bool


def pca_map(X: Array) -> NDArray[np.float32]:
    """The two directions of largest variance: (n, d) → (n, 2)."""
    return _standard(_pca(X, 2))


def umap_map(X: Array) -> NDArray[np.float32]:
    """UMAP (McInnes et al., 2018) of the first 50 principal components: (n, d) → (n, 2).

    Exact neighbours are handed over and the start is the PCA map: ten times faster than the
    defaults in a new process, and the same map every time.
    """
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP

    reduced = _pca(X, _PCA_WIDTH)
    n = len(reduced)
    if len(np.unique(reduced, axis=0)) <= 3:
        return _standard(reduced[:, :2])
    neighbors = min(_NEIGHBORS, n - 1)
    distances, indices = NearestNeighbors(n_neighbors=neighbors).fit(reduced).kneighbors(reduced)
    mapper = UMAP(
        n_neighbors=neighbors,
        precomputed_knn=(indices, distances.astype(np.float32), None),
        init=10 * _standard(reduced[:, :2]),
        n_epochs=200,
        random_state=MAP_SEED,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        # It can't transform new points without its own index; `place` does that.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        fitted = mapper.fit_transform(reduced)
    return _standard(fitted)


MAP_METHODS: dict[str, MapMethod] = {
    "umap": MapMethod(
        "UMAP",
        "Keeps neighbours together; distances between groups and their sizes mean little.",
        umap_map,
        to_scale=False,
    ),
    "pca": MapMethod(
        "PCA",
        "The two directions of largest variance; true to scale, but much of the structure is hidden.",
        pca_map,
        to_scale=True,
    ),
}


def place(points: Array, X: Array, positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put points on a map by their neighbours in the original space.

    Parameters
    ----------
    points : ndarray of shape (p, d)
        What to place.
    X : ndarray of shape (n, d)
        The embeddings that the map shows, in the same space.
    positions : ndarray of shape (n, 2)
        Where they are.

    Returns
    -------
    ndarray of shape (p, 2), float32
        Medians of the 5 nearest embeddings' positions, weighted by inverse squared distance; a
        point that is an embedding goes where that is. (A mean would put a point whose
        neighbours lie in two groups into the void between them, where nothing is.)
    """
    near = min(_PLACED_BY, len(X))
    squares = np.einsum("ij,ij->i", X, X)
    distances = squares - 2 * (points @ X.T)
    nearest = np.argpartition(distances, near - 1, axis=1)[:, :near]
    d = np.take_along_axis(distances, nearest, axis=1)
    d += np.einsum("ij,ij->i", points, points)[:, None]
    # float32 leaves about 1e-6 of the squared length between equal vectors.
    floor = 1e-5 * max(float(squares.mean()), _TINY)
    weights = (1 / np.maximum(d, floor))[:, :, None]
    around = positions[nearest]
    order = np.argsort(around, axis=1)
    reached = np.cumsum(np.take_along_axis(np.broadcast_to(weights, around.shape), order, 1), axis=1)
    middle = np.argmax(reached >= reached[:, -1:] / 2, axis=1)
    median = np.take_along_axis(np.take_along_axis(around, order, 1), middle[:, None], 1)[:, 0]
    return np.asarray(median, dtype=np.float32)


def _pca(X: Array, width: int) -> NDArray[np.float32]:
    from sklearn.decomposition import PCA

    if len(X) < 2 or not np.ptp(X, axis=0).any():
        return np.zeros((len(X), 2), dtype=np.float32)
    width_at_hand = min(width, *X.shape)
    reduced = PCA(width_at_hand, svd_solver="covariance_eigh").fit_transform(X)
    if width_at_hand < 2:
        reduced = np.pad(reduced, ((0, 0), (0, 2 - width_at_hand)))
    return np.asarray(reduced, dtype=np.float32)


def _standard(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre, and scale both axes alike so that the larger spans −1 … 1."""
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    extent = np.abs(centred).max()
    return np.asarray(centred / extent if extent > 0 else centred, dtype=np.float32)
