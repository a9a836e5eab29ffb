"""Maps on disk: default maps beside their embedding set, further ones in the user's folder.

`<set>.maps.safetensors` holds `<norm>.<layout>` and `<norm>.<layout>.trust` for each map; files of earlier versions
hold only `<method>_<norm>`. Further maps are stored as `maps/<digest>/<norm>.<layout>.safetensors`, shared by sets
with the same tensors. Positions are float16 in −1 to 1, or uint8 over the same range.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings.store import MAPS_SUFFIX, EmbeddingSet, SetInfo, maps_folder
from imprint_core.embeddings.tensors import read_tensors, write_tensors
from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import NORMALIZATIONS, Array
from imprint_core.maps.layouts import (
    LAYOUT_GRID,
    MAP_METHODS,
    Layout,
    ProgressCallback,
    ignore_progress,
    trustworthiness,
)

# Normalisation of the bundled `LAYOUT_GRID`.
GRID_NORM = "l2"
# Layouts stored with every set.
DEFAULT_LAYOUTS = (Layout("pca"), Layout())
_LEVELS = 255
# Fraction of a map's time that its positions take; the rest is trustworthiness.
_LAYOUT_SHARE = 0.9
_TRUST_STAGE = "computing trustworthiness"


@dataclass(frozen=True)
class BaseMap:
    """Positions of all samples of a set on one map.

    Attributes
    ----------
    positions : ndarray of shape (n + m, 2), float32
        Training samples, then test samples, within −1 to 1.
    layout : Layout
    norm : str
        Key of `NORMALIZATIONS` that was applied to the embeddings.
    trust : float or None
        Trustworthiness; None if unknown or undefined.
    """

    positions: NDArray[np.float32]
    layout: Layout
    norm: str
    trust: float | None


def set_maps_path(info: SetInfo) -> Path:
    """Path of the maps stored with a set."""
    return info.path.with_suffix(MAPS_SUFFIX)


def user_map_path(info: SetInfo, norm: str, layout: Layout) -> Path:
    """Path of a map in the user's folder."""
    return maps_folder(info) / f"{norm}.{layout.key}.safetensors"


def load_map(embeddings: EmbeddingSet, norm: str, layout: Layout) -> BaseMap | None:
    """Load a map from disk; None if it is missing or unreadable."""
    layout = layout.canonical()
    name = f"{norm}.{layout.key}"
    names = [name, f"{layout.method}_{norm}"] if layout in DEFAULT_LAYOUTS else [name]
    for path in (set_maps_path(embeddings.info), user_map_path(embeddings.info, norm, layout)):
        tensors = _read(path)
        coded = next((tensors[n] for n in names if n in tensors), None)
        if coded is not None and coded.shape == (len(embeddings.X_train) + len(embeddings.X_test), 2):
            positions = _decode(coded)
            if np.isfinite(positions).all():
                return BaseMap(positions, layout, norm, _trust(tensors.get(f"{name}.trust")))
    return None


def load_pca_map(embeddings: EmbeddingSet, norm: str) -> BaseMap:
    """Load the PCA map, or compute it, which takes a moment."""
    layout = Layout("pca")
    return load_map(embeddings, norm, layout) or BaseMap(
        MAP_METHODS["pca"].function(normalized_embeddings(embeddings, norm), layout), layout, norm, None
    )


def normalized_embeddings(embeddings: EmbeddingSet, norm: str) -> Array:
    """Normalise all samples (n + m, d), training samples first."""
    return NORMALIZATIONS[norm].function(np.concatenate([embeddings.X_train, embeddings.X_test]))


def compute_map(
    embeddings: EmbeddingSet, norm: str, layout: Layout, progress: ProgressCallback = ignore_progress
) -> BaseMap:
    """Compute a map and its trustworthiness.

    Raises
    ------
    ImprintError
        If the embeddings contain values that are not finite.
    """
    layout = layout.canonical()
    X = normalized_embeddings(embeddings, norm)
    positions = MAP_METHODS[layout.method].function(
        X, layout, lambda stage, share: progress(stage, _LAYOUT_SHARE * share)
    )
    progress(_TRUST_STAGE, _LAYOUT_SHARE)
    trust = trustworthiness(X, positions)
    progress(_TRUST_STAGE, 1.0)
    return BaseMap(positions, layout, norm, None if np.isnan(trust) else trust)


def save_map(info: SetInfo, base: BaseMap) -> None:
    """Write a map to the user's folder, as a whole or not at all.

    Raises
    ------
    ImprintError
        If the folder is not writable.
    """
    write_tensors(user_map_path(info, base.norm, base.layout), _tensors(base))


def write_default_maps(
    embeddings: EmbeddingSet, progress: ProgressCallback = ignore_progress, grid: bool = False
) -> None:
    """Compute and store a set's default maps: PCA and UMAP for each normalisation.

    `progress` gets the current map's name and the completed fraction of all maps. With `grid`, `LAYOUT_GRID` is added
    for `GRID_NORM`, in 8 bits to keep bundled files small.
    """
    default = [(norm, layout) for norm in NORMALIZATIONS for layout in DEFAULT_LAYOUTS]
    coarse = [(GRID_NORM, layout) for layout in LAYOUT_GRID if layout not in DEFAULT_LAYOUTS] if grid else []
    total = len(default) + len(coarse)
    tensors: dict[str, NDArray[Any]] = {}
    for done, (norm, layout) in enumerate([*default, *coarse]):
        name = f"{MAP_METHODS[layout.method].label}, NORM {NORMALIZATIONS[norm].label}"

        def report(stage: str, share: float, done: int = done, name: str = name) -> None:
            progress(name, (done + share) / total)

        tensors |= _tensors(compute_map(embeddings, norm, layout, report), coarse=(norm, layout) in coarse)
    write_tensors(set_maps_path(embeddings.info), tensors)


def _tensors(base: BaseMap, coarse: bool = False) -> dict[str, NDArray[Any]]:
    name = f"{base.norm}.{base.layout.key}"
    positions = base.positions
    coded = np.rint((positions + 1) / 2 * _LEVELS).astype(np.uint8) if coarse else positions.astype(np.float16)
    return {name: coded, f"{name}.trust": np.array(np.nan if base.trust is None else base.trust, dtype=np.float32)}


def _decode(coded: NDArray[Any]) -> NDArray[np.float32]:
    if coded.dtype != np.uint8:
        return coded.astype(np.float32)
    # Uniform noise within each level, with a fixed seed, hides the grid of 256 levels.
    levels = coded + np.random.default_rng(0).uniform(-0.5, 0.5, coded.shape)
    return np.clip(levels / _LEVELS * 2 - 1, -1, 1).astype(np.float32)


def _trust(stored: NDArray[Any] | None) -> float | None:
    return float(stored) if stored is not None and stored.shape == () and np.isfinite(stored) else None


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_tensors(path)
    except ImprintError:
        return {}
