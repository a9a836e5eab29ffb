"""Base maps on disk, beside the set that they show: `<set>.maps.safetensors`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings.store import EmbeddingSet, SetInfo, read_tensors, write_tensors
from imprint_core.errors import ImprintError
from imprint_core.normalization import NORMALIZATIONS
from imprint_core.projection import MAP_METHODS, MapMethod


def maps_path(info: SetInfo) -> Path:
    """Where the maps of a set are kept."""
    return info.path.with_suffix(".maps.safetensors")


def write_maps(embeddings: EmbeddingSet, progress: Callable[[str], None] = lambda name: None) -> None:
    """Compute and keep every base map of a set: each method × each normalisation.

    `progress` is called with the name of each map before it is computed.
    """
    X = np.concatenate([embeddings.X_train, embeddings.X_test])
    tensors = {}
    for norm, normalization in NORMALIZATIONS.items():
        normalized = normalization.function(X)
        for method, entry in MAP_METHODS.items():
            progress(f"{entry.label}, NORM {normalization.label}")
            tensors[f"{method}_{norm}"] = entry.function(normalized).astype(np.float16)
    write_tensors(maps_path(embeddings.info), tensors)


def base_map(embeddings: EmbeddingSet, method: str, norm: str) -> tuple[NDArray[np.float32], MapMethod]:
    """Positions (n + m, 2) of a set's training, then test samples, and what the map is.

    A set without kept maps gets a PCA map, which takes a moment, whatever was asked for.
    """
    count = len(embeddings.X_train) + len(embeddings.X_test)
    if maps_path(embeddings.info).is_file():
        try:
            kept = read_tensors(maps_path(embeddings.info)).get(f"{method}_{norm}")
        except ImprintError:
            kept = None
        if kept is not None and kept.shape == (count, 2):
            return kept.astype(np.float32), MAP_METHODS[method]
    pca = MAP_METHODS["pca"]
    X = np.concatenate([embeddings.X_train, embeddings.X_test])
    return pca.function(NORMALIZATIONS[norm].function(X)), pca
