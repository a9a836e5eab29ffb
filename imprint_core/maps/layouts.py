"""The 2-D base map of a set's embeddings, how far it can be trusted, and where proxies go on it.

One map for each (embeddings, normalisation, layout): it doesn't depend on classes, shots or
recipe, so nothing on it moves but the proxies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array

# Called with what is being done and which share of it is, 0 … 1.
Tell = Callable[[str, float], None]

# What a page offers; any value between the first and the last is computed as well.
N_NEIGHBORS = (2, 5, 10, 15, 30, 50, 100)
MIN_DISTS = (0.0, 0.1, 0.25, 0.5, 0.8)

_MOST_NEIGHBORS = 200
_MOST_DIST = 0.99
_PCA_WIDTH = 50
_EPOCHS = 200
# Where the layout begins and ends within the time of a UMAP map.
_LAID = 0.15
_TRUSTED = 4000
_TRUST_NEIGHBORS = 15
_LEAST_TRUSTED = 6
_PLACED_BY = 5
_TINY = float(np.finfo(np.float32).tiny)
# Beyond these, squares of float32 leave its range.
_SQUARABLE = (1e-15, 1e15)


def silent(stage: str, share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Layout:
    """How a map is laid out.

    Attributes
    ----------
    method : str
        Key of `MAP_METHODS`.
    n_neighbors : int
        Of UMAP: how many neighbours of each sample, itself among them, are kept near it.
    min_dist : float
        Of UMAP: how near each other samples may lie.
    seed : int
        Of UMAP's random choices.

    Raises
    ------
    ImprintError
        If there is no such method, or a value is out of its range.
    """

    method: str = "umap"
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in MAP_METHODS:
            raise ImprintError(f"There is no map called '{self.method}'; there are {', '.join(MAP_METHODS)}.")
        _check_whole("n_neighbors", self.n_neighbors, 2, _MOST_NEIGHBORS)
        _check_whole("seed", self.seed, 0, 2**32 - 1)
        number = isinstance(self.min_dist, float | int) and not isinstance(self.min_dist, bool)
        if not number or not 0 <= self.min_dist <= _MOST_DIST:
            raise ImprintError(f"min_dist is {self.min_dist}; it must be a number from 0 to {_MOST_DIST}.")

    def canonical(self) -> Layout:
        """The same for all layouts that make the same map: PCA looks at none of the parameters."""
        return self if MAP_METHODS[self.method].parameters else Layout(self.method)

    @property
    def key(self) -> str:
        """Name of the layout in files, such as `umap_15_0.1_0` or `pca`."""
        if not MAP_METHODS[self.method].parameters:
            return self.method
        # + 0.0 turns an int into a float, and −0.0 into 0.0.
        return f"{self.method}_{self.n_neighbors}_{self.min_dist + 0.0}_{self.seed}"

    @classmethod
    def of(cls, key: str) -> Layout:
        """The layout of a key.

        Raises
        ------
        ImprintError
            If it is none.
        """
        method, *values = key.split("_")
        try:
            layout = cls(method, int(values[0]), float(values[1]), int(values[2])) if values else cls(method)
        except (ValueError, IndexError) as error:
            if isinstance(error, ImprintError):
                raise
            raise ImprintError(f"'{key}' is no layout; write it as {cls().key} or pca.") from None
        return layout


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ImprintError(f"{name} is {value}; it must be a whole number from {least} to {most}.")


@dataclass(frozen=True)
class MapMethod:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps embeddings (n, d) to positions (n, 2), as a layout says, and tells how far it is.
    to_scale : bool
        Whether lengths along both axes can be compared.
    parameters : bool
        Whether it looks at a layout's parameters.
    """

    label: str
    help: str
    function: Callable[..., NDArray[np.float32]]
    to_scale: bool
    parameters: bool


def pca_map(X: Array, layout: Layout | None = None, progress: Tell = silent) -> NDArray[np.float32]:
    """The two directions of largest variance: (n, d) → (n, 2)."""
    progress("finding the principal components", 0.0)
    return _standard(_pca(_within_range(X), 2))


def umap_map(X: Array, layout: Layout | None = None, progress: Tell = silent) -> NDArray[np.float32]:
    """UMAP (McInnes et al., 2018) of the first 50 principal components: (n, d) → (n, 2).

    Exact neighbours are handed over and the start is the PCA map: ten times faster than the
    defaults in a new process, and the same map every time. Embeddings of one or two dimensions are a
    map already; laid out anew they could only lose what they show.
    """
    from sklearn.neighbors import NearestNeighbors

    layout = layout or Layout()
    X = _within_range(X)
    if X.shape[1] <= 2:
        return _standard(np.pad(X, ((0, 0), (0, 2 - X.shape[1]))))
    progress("finding the principal components", 0.0)
    reduced = _pca(X, _PCA_WIDTH)
    if len(np.unique(reduced, axis=0)) <= 3:
        return _standard(reduced[:, :2])
    neighbors = min(layout.n_neighbors, len(reduced) - 1)
    progress("finding neighbours", _LAID / 3)
    distances, indices = NearestNeighbors(n_neighbors=neighbors).fit(reduced).kneighbors(reduced)
    progress("preparing the layout", _LAID / 2)
    mapper = _umap()(
        n_neighbors=neighbors,
        min_dist=layout.min_dist,
        precomputed_knn=(indices, distances.astype(np.float32), None),
        init=10 * _standard(reduced[:, :2]),
        n_epochs=_EPOCHS,
        random_state=layout.seed,
        n_jobs=1,
        tqdm_kwds={"disable": False, "file": _Epochs(progress), "bar_format": "{n}", "mininterval": 0.2},
    )
    with warnings.catch_warnings():
        # It can't transform new points without its own index; `place` does that.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        fitted = mapper.fit_transform(reduced)
    return _standard(fitted)


class _Epochs:
    """The file that UMAP's progress bar is written to: a number, the epochs done, at a time."""

    def __init__(self, progress: Tell) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        if text.strip().isdecimal():
            self._progress("laying out", _LAID + (1 - _LAID) * int(text) / _EPOCHS)

    def flush(self) -> None:
        """Nothing waits here."""


def _umap() -> Any:
    """UMAP, with its slowest functions compiled once for all processes: that alone takes longer than the map."""
    from umap import UMAP, layouts, umap_

    compiled = (
        (layouts, "clip"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
    )
    for module, name in compiled:
        # Another version may have other functions, and the machine no place to keep them; then it takes longer.
        with suppress(AttributeError, RuntimeError):
            getattr(module, name).enable_caching()
    return UMAP


MAP_METHODS: dict[str, MapMethod] = {
    "umap": MapMethod(
        "UMAP",
        "Keeps neighbours together; distances between groups and their sizes mean little.",
        umap_map,
        to_scale=False,
        parameters=True,
    ),
    "pca": MapMethod(
        "PCA",
        "The two directions of largest variance; true to scale, but much of the structure is hidden.",
        pca_map,
        to_scale=True,
        parameters=False,
    ),
}

# A page's small multiples: from the near to the far, and from dense to loose.
LAYOUT_GRID = tuple(Layout("umap", n, dist) for n in (5, 15, 50) for dist in (0.0, 0.1, 0.5))


def trustworthiness(X: Array, positions: NDArray[np.float32]) -> float:
    """How many of the neighbours on a map are neighbours in the original space (Venna and Kaski, 2001).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        What the map shows, in the space that it shows. Neighbours are by Euclidean distance.
    positions : ndarray of shape (n, 2)

    Returns
    -------
    float
        From 0 to 1, over the 15 nearest, or fewer where there are few; of more than 4,000 samples a random
        choice, the same always. NaN where it means nothing: fewer than 6 samples, or all the same.
    """
    X = _within_range(X)
    if len(X) < _LEAST_TRUSTED or not np.ptp(X, axis=0).any():
        return float("nan")
    from sklearn.manifold import trustworthiness as measured

    if len(X) > _TRUSTED:
        rows = np.random.default_rng(0).choice(len(X), _TRUSTED, replace=False)
        X, positions = X[rows], positions[rows]
    # It is defined for fewer than half of the samples.
    return float(measured(X, positions, n_neighbors=min(_TRUST_NEIGHBORS, (len(X) - 1) // 2)))


def place(points: Array, X: Array, positions: NDArray[np.float32], squares: Array | None = None) -> NDArray[np.float32]:
    """Put points on a map by their neighbours in the original space.

    Parameters
    ----------
    points : ndarray of shape (p, d)
        What to place.
    X : ndarray of shape (n, d)
        The embeddings that the map shows, in the same space.
    positions : ndarray of shape (n, 2)
        Where they are.
    squares : ndarray of shape (n,), optional
        Squared lengths of `X`, where they are at hand.

    Returns
    -------
    ndarray of shape (p, 2), float32
        Medians of the 5 nearest embeddings' positions, weighted by inverse squared distance; a
        point that is an embedding goes where that is. (A mean would put a point whose
        neighbours lie in two groups into the void between them, where nothing is.)
    """
    near = min(_PLACED_BY, len(X))
    squares = np.einsum("ij,ij->i", X, X) if squares is None else squares
    # In place, without the points' own squares, which change no order: what is left is the product's own time.
    distances = (-2 * points) @ X.T
    distances += squares
    nearest = np.argpartition(distances, near - 1, axis=1)[:, :near]
    d = np.take_along_axis(distances, nearest, axis=1)
    d += np.einsum("ij,ij->i", points, points)[:, None]
    # float32 leaves about 1e-6 of the squared length between equal vectors.
    floor = max(1e-5 * float(squares.mean()), _TINY)
    # At most 1: only their shares count, and sums of larger ones could leave float32's range.
    weights = (floor / np.maximum(d, floor))[:, :, None]
    around = positions[nearest]
    order = np.argsort(around, axis=1)
    reached = np.cumsum(np.take_along_axis(np.broadcast_to(weights, around.shape), order, 1), axis=1)
    middle = np.argmax(reached >= reached[:, -1:] / 2, axis=1)
    median = np.take_along_axis(np.take_along_axis(around, order, 1), middle[:, None], 1)[:, 0]
    return np.asarray(median, dtype=np.float32)


def _pca(X: Array, width: int) -> NDArray[np.float32]:
    """The first principal components (n, at least 2); those that there are none of are 0."""
    if len(X) < 2 or not np.ptp(X, axis=0).any():
        return np.zeros((len(X), 2), dtype=np.float32)
    from scipy.linalg import eigh

    centred = X - X.mean(axis=0)
    first = min(width, *X.shape)
    # The first ones alone: of 2,048 dimensions all of them, as scikit-learn computes them, take ten times as long.
    _, axes = eigh(centred.T @ centred, subset_by_index=[X.shape[1] - first, X.shape[1] - 1], overwrite_a=True)
    axes = axes[:, ::-1]
    # Either direction would do; this one is scikit-learn's.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(first)])
    return np.pad(centred @ axes, ((0, 0), (0, max(0, 2 - first)))).astype(np.float32)


def _standard(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre, and scale both axes alike so that the larger spans −1 … 1."""
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    extent = np.abs(centred).max()
    return np.asarray(centred / extent if extent > 0 else centred, dtype=np.float32)


def _within_range(X: Array) -> Array:
    """Embeddings whose squares float32 can hold: scaled as a whole where they would leave its range.

    Raises
    ------
    ImprintError
        If there are values that are not finite.
    """
    largest = float(np.abs(X).max(initial=0.0))
    if not np.isfinite(largest):
        raise ImprintError("The embeddings hold values that are not finite, so there is no map; replace or drop those.")
    return X if largest == 0 or _SQUARABLE[0] < largest < _SQUARABLE[1] else X / X.dtype.type(largest)
