"""Images of an embedding set's samples, where they are on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imprint_core.datasets import Dataset, dataset, dataset_at
from imprint_core.datasets.images import Images, Splits
from imprint_core.embeddings.store import EmbeddingSet
from imprint_core.errors import ImprintError
from imprint_core.paths import data_folder


def source_dataset(name: str, path: str = "") -> Dataset | None:
    """Dataset of a set, where its images are available; `path` is that of a dataset outside the data root."""
    try:
        source = dataset_at(Path(path)) if path else dataset(name)
    except ImprintError:
        return None
    return source if source.present(data_folder()) else None


def images_of(embeddings: EmbeddingSet) -> Splits | None:
    """Images of a set's samples, to be loaded by their ids; None where they are unavailable.

    Images whose classes differ from those of the set are other images, and None is returned.
    """
    meta = embeddings.info.meta["dataset"]
    source = source_dataset(meta["name"], meta.get("path", ""))
    if source is None:
        return None
    try:
        splits = source.read(data_folder())
    except ImprintError:
        return None
    same = _same_labels(splits.train, embeddings.id_train, embeddings.y_train)
    return splits if same and _same_labels(splits.test, embeddings.id_test, embeddings.y_test) else None


def _same_labels(images: Images, ids: np.ndarray, y: np.ndarray) -> bool:
    rows = ids if images.ids is None else np.searchsorted(images.ids, ids)
    return bool(len(rows) and rows.max() < len(images.labels) and (images.labels[rows] == y).all())
