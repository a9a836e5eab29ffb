"""The images behind an embedding set's samples, where they are on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imprint_core.datasets.images import Images, Splits
from imprint_core.datasets.registry import Dataset, dataset, dataset_at
from imprint_core.embeddings.store import EmbeddingSet
from imprint_core.errors import ImprintError
from imprint_core.paths import data_folder


def source_of(name: str, path: str = "") -> Dataset | None:
    """The dataset that a set was made from, if its images are at hand; `path` is where one without a name was."""
    try:
        found = dataset_at(Path(path)) if path else dataset(name)
    except ImprintError:
        return None
    return found if found.present(data_folder()) else None


def images_of(embeddings: EmbeddingSet) -> Splits | None:
    """The images of a set's samples, to be loaded by their ids; None where they aren't at hand.

    Images whose classes aren't those of the set are others, and aren't given.
    """
    meta = embeddings.info.meta["dataset"]
    found = source_of(meta["name"], meta.get("path", ""))
    if found is None:
        return None
    try:
        splits = found.read(data_folder())
    except ImprintError:
        return None
    same = _agree(splits.train, embeddings.id_train, embeddings.y_train)
    return splits if same and _agree(splits.test, embeddings.id_test, embeddings.y_test) else None


def _agree(images: Images, ids: np.ndarray, y: np.ndarray) -> bool:
    rows = ids if images.ids is None else np.searchsorted(images.ids, ids)
    return bool(len(rows) and rows.max() < len(images.labels) and (images.labels[rows] == y).all())


def thumbnail(image: Image.Image, edge: int = 96, gap: int = 0) -> Image.Image:
    """An image fitted into a square of `edge` pixels; small ones are enlarged without blurring.

    With a gap, it stands in a transparent square that is wider by it, so that a row of them keeps them apart.
    """
    width, height = image.size
    scale = edge / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = image.convert("RGB").resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    if not gap:
        return small
    framed = Image.new("RGBA", (edge + gap, edge + gap))
    framed.paste(small, ((edge - size[0]) // 2, (edge - size[1]) // 2))
    return framed
