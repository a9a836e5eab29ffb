"""Base maps on disk: those that came with a set beside it, those asked for later in the user's folder.

`<set>.maps.safetensors` holds, for each map, `<norm>.<layout>` and `<norm>.<layout>.trust`; files of earlier
versions hold `<method>_<norm>` alone. Maps made later lie in `maps/<digest>/<norm>.<layout>.safetensors`, so that
sets of the same tensors share them. Positions are float16 in −1 … 1, or uint8 over the same.
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
from imprint_core.maps.layouts import LAYOUT_GRID, MAP_METHODS, Layout, Tell, silent, trustworthiness

# The norm whose small multiples come with a bundled set.
GRID_NORM = "l2"
# What comes with every set.
DEFAULT_LAYOUTS = (Layout("pca"), Layout())
_STEPS = 255
# Of the time that a map takes, that for its positions.
_POSITIONED = 0.9


@dataclass(frozen=True)
class BaseMap:
    """Where all samples of a set are.

    Attributes
    ----------
    positions : ndarray of shape (n + m, 2), float32
        Of the training, then of the test samples, within −1 … 1.
    layout : Layout
    norm : str
        Key of `NORMALIZATIONS`: the space that the map shows.
    trust : float or None
        Its trustworthiness; None where that isn't known or means nothing.
    """

    positions: NDArray[np.float32]
    layout: Layout
    norm: str
    trust: float | None


def maps_path(info: SetInfo) -> Path:
    """Where the maps that came with a set are kept."""
    return info.path.with_suffix(MAPS_SUFFIX)


def map_path(info: SetInfo, norm: str, layout: Layout) -> Path:
    """Where a map that was asked for later is kept."""
    return maps_folder(info) / f"{norm}.{layout.key}.safetensors"


def kept_map(embeddings: EmbeddingSet, norm: str, layout: Layout) -> BaseMap | None:
    """A map from disk, or None where it has to be computed; one that can't be read counts as none."""
    layout = layout.canonical()
    name = f"{norm}.{layout.key}"
    names = [name, f"{layout.method}_{norm}"] if layout in DEFAULT_LAYOUTS else [name]
    for path in (maps_path(embeddings.info), map_path(embeddings.info, norm, layout)):
        tensors = _read(path)
        coded = next((tensors[n] for n in names if n in tensors), None)
        if coded is not None and coded.shape == (len(embeddings.X_train) + len(embeddings.X_test), 2):
            positions = _decode(coded)
            if np.isfinite(positions).all():
                return BaseMap(positions, layout, norm, _trust(tensors.get(f"{name}.trust")))
    return None


def quick_map(embeddings: EmbeddingSet, norm: str) -> BaseMap:
    """The PCA map, which takes a moment wherever it has to be computed."""
    layout = Layout("pca")
    return kept_map(embeddings, norm, layout) or BaseMap(
        MAP_METHODS["pca"].function(normed(embeddings, norm), layout), layout, norm, None
    )


def normed(embeddings: EmbeddingSet, norm: str) -> Array:
    """What a map shows: all samples (n + m, d), training before test, normalised."""
    return NORMALIZATIONS[norm].function(np.concatenate([embeddings.X_train, embeddings.X_test]))


def compute_map(embeddings: EmbeddingSet, norm: str, layout: Layout, progress: Tell = silent) -> BaseMap:
    """Make a map, however long it takes, and measure how far it can be trusted.

    Raises
    ------
    ImprintError
        If the embeddings hold values that are not finite.
    """
    layout = layout.canonical()
    X = normed(embeddings, norm)
    positions = MAP_METHODS[layout.method].function(
        X, layout, lambda stage, share: progress(stage, _POSITIONED * share)
    )
    progress("measuring its trustworthiness", _POSITIONED)
    trust = trustworthiness(X, positions)
    progress("measuring its trustworthiness", 1.0)
    return BaseMap(positions, layout, norm, None if np.isnan(trust) else trust)


def keep_map(info: SetInfo, base: BaseMap) -> None:
    """Keep a map in the user's folder; it appears there whole or not at all.

    Raises
    ------
    ImprintError
        If nothing can be written there.
    """
    write_tensors(map_path(info, base.norm, base.layout), _tensors(base))


def write_maps(embeddings: EmbeddingSet, progress: Tell = silent, grid: bool = False) -> None:
    """Compute the maps that come with a set and keep them beside it: PCA and UMAP for each normalisation.

    Parameters
    ----------
    embeddings : EmbeddingSet
    progress : callable
        Called with the map that is being computed and the share of all maps that is done.
    grid : bool
        Whether to add `LAYOUT_GRID` for `GRID_NORM`, in 8 bits: what ships must be small.
    """
    wanted = [(norm, layout) for norm in NORMALIZATIONS for layout in DEFAULT_LAYOUTS]
    small = [(GRID_NORM, layout) for layout in LAYOUT_GRID if layout not in DEFAULT_LAYOUTS] if grid else []
    total = len(wanted) + len(small)
    tensors: dict[str, NDArray[Any]] = {}
    for done, (norm, layout) in enumerate([*wanted, *small]):
        name = f"{MAP_METHODS[layout.method].label}, NORM {NORMALIZATIONS[norm].label}"

        def tell(stage: str, share: float, done: int = done, name: str = name) -> None:
            progress(name, (done + share) / total)

        tensors |= _tensors(compute_map(embeddings, norm, layout, tell), coarse=(norm, layout) in small)
    write_tensors(maps_path(embeddings.info), tensors)


def _tensors(base: BaseMap, coarse: bool = False) -> dict[str, NDArray[Any]]:
    name = f"{base.norm}.{base.layout.key}"
    positions = base.positions
    coded = np.rint((positions + 1) / 2 * _STEPS).astype(np.uint8) if coarse else positions.astype(np.float16)
    return {name: coded, f"{name}.trust": np.array(np.nan if base.trust is None else base.trust, dtype=np.float32)}


def _decode(coded: NDArray[Any]) -> NDArray[np.float32]:
    if coded.dtype != np.uint8:
        return coded.astype(np.float32)
    # Anywhere within its step, the same always: 256 lines a picture would be seen.
    steps = coded + np.random.default_rng(0).uniform(-0.5, 0.5, coded.shape)
    return np.clip(steps / _STEPS * 2 - 1, -1, 1).astype(np.float32)


def _trust(kept: NDArray[Any] | None) -> float | None:
    return float(kept) if kept is not None and kept.shape == () and np.isfinite(kept) else None


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_tensors(path)
    except ImprintError:
        return {}
