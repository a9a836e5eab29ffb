"""2-D layouts of embeddings: UMAP and PCA, their parameters, and their trustworthiness.

A layout depends on embeddings and normalisation only, not on classes, shots or recipe.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import Array
from imprint_core.paths import user_folder
from imprint_core.registry import check_number

# Called with the current stage and the completed fraction, 0 to 1.
ProgressCallback = Callable[[str, float], None]

# Values that pages offer; `Layout` accepts any value in its range.
N_NEIGHBORS = (2, 5, 10, 15, 30, 50, 100)
MIN_DISTS = (0.0, 0.1, 0.25, 0.5, 0.8)

_PCA_WIDTH = 50
_EPOCHS = 200
# Fraction of a UMAP layout's time that passes before its first epoch.
_PREPARATION = 0.15
_TRUST_SAMPLES = 4000
_TRUST_NEIGHBORS = 15
_TRUST_MIN_SAMPLES = 6
# Beyond these values, squares exceed the range of float32.
_SQUARABLE = (1e-15, 1e15)


def ignore_progress(stage: str, share: float) -> None:
    """Discard progress."""


@dataclass(frozen=True)
class Layout:
    """Method and parameters of a 2-D layout.

    Attributes
    ----------
    method : str
        Key of `MAP_METHODS`.
    n_neighbors : int
        UMAP: size of the local neighbourhood, the sample included.
    min_dist : float
        UMAP: minimum distance between points on the map.
    seed : int
        UMAP: random seed.

    Raises
    ------
    ImprintError
        If the method is unknown or a value is out of range.
    """

    method: str = "umap"
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in MAP_METHODS:
            raise ImprintError(f"Unknown map method '{self.method}'. Use one of: {', '.join(MAP_METHODS)}.")
        check_number("umap_neighbors", self.n_neighbors)
        check_number("seed", self.seed)
        check_number("min_dist", self.min_dist)

    def canonical(self) -> Layout:
        """The representative of all layouts that give the same map: PCA has no parameters."""
        return self if MAP_METHODS[self.method].parameters else Layout(self.method)

    @property
    def key(self) -> str:
        """File name of the layout, such as `umap_15_0.1_0` or `pca`."""
        if not MAP_METHODS[self.method].parameters:
            return self.method
        # Adding 0.0 turns an int into a float, and −0.0 into 0.0.
        return f"{self.method}_{self.n_neighbors}_{self.min_dist + 0.0}_{self.seed}"

    @classmethod
    def from_key(cls, key: str) -> Layout:
        """Parse a key.

        Raises
        ------
        ImprintError
            If the key is invalid.
        """
        method, *values = key.split("_")
        try:
            layout = cls(method, int(values[0]), float(values[1]), int(values[2])) if values else cls(method)
        except (ValueError, IndexError) as error:
            if isinstance(error, ImprintError):
                raise
            raise ImprintError(f"Invalid layout '{key}'. Write it as {cls().key} or pca.") from None
        return layout


@dataclass(frozen=True)
class MapMethod:
    """A layout method: an entry of `MAP_METHODS`.

    `function` maps embeddings (n, d), a layout and a progress callback to positions (n, 2). With `to_scale`, both axes
    share one scale; with `parameters`, the layout's parameters affect the result.
    """

    label: str
    help: str
    function: Callable[..., NDArray[np.float32]]
    to_scale: bool
    parameters: bool


def pca_map(
    X: Array, layout: Layout | None = None, progress: ProgressCallback = ignore_progress
) -> NDArray[np.float32]:
    """First two principal components: (n, d) → (n, 2)."""
    progress("finding the principal components", 0.0)
    return _scaled(_pca(_within_range(X), 2))


def umap_map(
    X: Array, layout: Layout | None = None, progress: ProgressCallback = ignore_progress
) -> NDArray[np.float32]:
    """UMAP (McInnes et al., 2018) of the first 50 principal components: (n, d) → (n, 2).

    Exact neighbours are precomputed and the initial layout is PCA: in a new process this is ten times faster than
    UMAP's defaults, and deterministic for a seed. Embeddings of one or two dimensions are returned as they are.
    """
    from sklearn.neighbors import NearestNeighbors

    layout = layout or Layout()
    X = _within_range(X)
    if X.shape[1] <= 2:
        return _scaled(np.pad(X, ((0, 0), (0, 2 - X.shape[1]))))
    progress("finding the principal components", 0.0)
    reduced = _pca(X, _PCA_WIDTH)
    if len(np.unique(reduced, axis=0)) <= 3:
        return _scaled(reduced[:, :2])
    neighbors = min(layout.n_neighbors, len(reduced) - 1)
    progress("finding neighbours", _PREPARATION / 3)
    distances, indices = NearestNeighbors(n_neighbors=neighbors).fit(reduced).kneighbors(reduced)
    progress("preparing the layout", _PREPARATION / 2)
    mapper = _import_umap()(
        n_neighbors=neighbors,
        min_dist=layout.min_dist,
        precomputed_knn=(indices, distances.astype(np.float32), None),
        init=10 * _scaled(reduced[:, :2]),
        n_epochs=_EPOCHS,
        random_state=layout.seed,
        n_jobs=1,
        tqdm_kwds={"disable": False, "file": _Epochs(progress), "bar_format": "{n}", "mininterval": 0.2},
    )
    with warnings.catch_warnings():
        # UMAP warns that it cannot transform new points without its own index; `place_points` does that.
        warnings.filterwarnings("ignore", message="precomputed_knn")
        positions = mapper.fit_transform(reduced)
    return _scaled(positions)


class _Epochs:
    """File object for UMAP's progress bar, which writes the number of completed epochs."""

    def __init__(self, progress: ProgressCallback) -> None:
        self._progress = progress

    def write(self, text: str) -> None:
        if text.strip().isdecimal():
            self._progress("laying out", _PREPARATION + (1 - _PREPARATION) * int(text) / _EPOCHS)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


def set_numba_cache() -> None:
    """Have Numba store compiled functions in the user's folder where it cannot store them beside the packages.

    Its next choice is the home folder; if that is not writable either, as in a container, UMAP cannot be imported.
    """
    numba: Any = import_module("numba")
    if not os.access(Path(numba.__file__).parent, os.W_OK) and not numba.config.CACHE_DIR:
        numba.config.CACHE_DIR = str(user_folder() / "numba")


def _import_umap() -> Any:
    """Import UMAP with Numba's on-disk cache, because compiling takes longer than a layout."""
    set_numba_cache()
    from umap import UMAP, layouts, umap_

    compiled = (
        (layouts, "clip"),
        (layouts, "_nb_optimize_layout_euclidean_single_epoch"),
        (umap_, "smooth_knn_dist"),
        (umap_, "compute_membership_strengths"),
    )
    for module, name in compiled:
        # Other versions have other functions, and a cache folder may be missing: both only cost time.
        with suppress(AttributeError, RuntimeError):
            getattr(module, name).enable_caching()
    return UMAP


MAP_METHODS: dict[str, MapMethod] = {
    "umap": MapMethod(
        "UMAP",
        "Preserves neighbourhoods; distances between groups and group sizes are not meaningful.",
        umap_map,
        to_scale=False,
        parameters=True,
    ),
    "pca": MapMethod(
        "PCA",
        "The two directions of largest variance; to scale, but most of the structure is hidden.",
        pca_map,
        to_scale=True,
        parameters=False,
    ),
}

# Layouts compared on the Map page: neighbourhoods from small to large, min_dist from tight to loose.
LAYOUT_GRID = tuple(Layout("umap", n, dist) for n in (5, 15, 50) for dist in (0.0, 0.1, 0.5))


def trustworthiness(X: Array, positions: NDArray[np.float32]) -> float:
    """Trustworthiness of a map (Venna and Kaski, 2001): whether its neighbours are neighbours in the original space.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings of the map; neighbours are by Euclidean distance.
    positions : ndarray of shape (n, 2)
        Their positions.

    Returns
    -------
    float
        From 0 to 1, over the 15 nearest neighbours (fewer for few samples) of at most 4,000 samples, drawn with a
        fixed seed. NaN for fewer than 6 samples and for identical ones.
    """
    X = _within_range(X)
    if len(X) < _TRUST_MIN_SAMPLES or not np.ptp(X, axis=0).any():
        return float("nan")
    from sklearn.manifold import trustworthiness as sklearn_trustworthiness

    if len(X) > _TRUST_SAMPLES:
        rows = np.random.default_rng(0).choice(len(X), _TRUST_SAMPLES, replace=False)
        X, positions = X[rows], positions[rows]
    # It is defined for fewer neighbours than half of the samples.
    return float(sklearn_trustworthiness(X, positions, n_neighbors=min(_TRUST_NEIGHBORS, (len(X) - 1) // 2)))


def _pca(X: Array, width: int) -> NDArray[np.float32]:
    """First `width` principal components (n, at least 2), padded with zeros where there are fewer."""
    if len(X) < 2 or not np.ptp(X, axis=0).any():
        return np.zeros((len(X), 2), dtype=np.float32)
    from sklearn.decomposition import PCA

    width = min(width, *X.shape)
    solver = "arpack" if width < min(X.shape) else "full"
    components = PCA(width, svd_solver=solver, random_state=0).fit_transform(X)
    return np.pad(components, ((0, 0), (0, max(0, 2 - width)))).astype(np.float32)


def _scaled(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre, and scale both axes by one factor so that the larger spans −1 to 1."""
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    extent = np.abs(centred).max()
    return np.asarray(centred / extent if extent > 0 else centred, dtype=np.float32)


def _within_range(X: Array) -> Array:
    """Scale embeddings whose squares would exceed the range of float32.

    Raises
    ------
    ImprintError
        If a value is not finite.
    """
    largest = float(np.abs(X).max(initial=0.0))
    if not np.isfinite(largest):
        raise ImprintError("The embeddings contain values that are not finite. Replace or drop those samples.")
    return X if largest == 0 or _SQUARABLE[0] < largest < _SQUARABLE[1] else X / X.dtype.type(largest)
