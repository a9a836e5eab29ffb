"""Images of an embedding set's samples, and whether a model embeds other images like the set's own model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imprint_core.datasets import Dataset, dataset, dataset_at
from imprint_core.datasets.images import Images, Splits
from imprint_core.embeddings.added_classes import PART_IDS, added_images, added_names, parts_of
from imprint_core.embeddings.store import EmbeddingSet, SetInfo, read_contents
from imprint_core.errors import ImprintError
from imprint_core.paths import data_folder

if TYPE_CHECKING:
    # It imports torch, which pages need only for new images.
    from imprint_core.models.loading import LoadedModel

# Least cosine of two embeddings of one image by the same model. Weights rounded to 16 bits or embeddings rounded to 8
# bits keep it above 0.9995; another training run of the network does not.
_LEAST_COSINE = 0.999
_COMPARED_IMAGES = 4


def source_dataset(info: SetInfo) -> Dataset | None:
    """Dataset of a set, which may be outside the data root, if its images are available."""
    meta = info.meta["dataset"]
    try:
        if meta.get("path"):
            left_out = [name for name, *_ in meta.get("left_out", [])]
            source = dataset_at(Path(meta["path"]), left_out, read_contents(info))
        else:
            source = dataset(meta["name"])
    except ImprintError:
        return None
    return source if source.present(data_folder()) else None


def images_of(embeddings: EmbeddingSet) -> Splits | None:
    """Images of a set's samples, to be loaded by their ids; None where they are unavailable.

    Images whose classes differ from those of the set are other images, and None is returned, as it is if one of a few
    images has changed. Loading another that has changed raises an `ImprintError`. Of a set with added classes, the
    images of some parts may be unavailable; then no image has their ids.
    """
    if added_names(embeddings.info):
        return _images_of_parts(embeddings)
    source = source_dataset(embeddings.info)
    if source is None:
        return None
    try:
        splits = source.read(data_folder())
    except ImprintError:
        return None
    ids = {"train": embeddings.id_train, "test": embeddings.id_test}
    same = _same_labels(splits.train, ids["train"], embeddings.y_train)
    if not same or not _same_labels(splits.test, ids["test"], embeddings.y_test):
        return None
    if source.path:
        if splits.class_names != embeddings.info.class_names:
            return None
        try:
            for split, images in (("train", splits.train), ("test", splits.test)):
                for sample in ids[split][np.linspace(0, len(ids[split]) - 1, _COMPARED_IMAGES).astype(int)]:
                    images.by_id(int(sample))
        except ImprintError:
            return None
    return splits


def _images_of_parts(embeddings: EmbeddingSet) -> Splits | None:
    """Images of a set with added classes: of those of its parts that are available."""
    parts = {first_id: images_of(part) for first_id, part in parts_of(embeddings)}
    stored = added_images(embeddings.info)

    def images(split: str) -> Images:
        sources = {first_id: getattr(part, split) for first_id, part in parts.items() if part is not None}
        uploaded: Images = getattr(stored, split)
        uploaded_ids = np.zeros(0, np.int32) if uploaded.ids is None else uploaded.ids
        ids, y = getattr(embeddings, f"id_{split}"), getattr(embeddings, f"y_{split}")
        first_ids = ids // PART_IDS * PART_IDS
        rows = np.flatnonzero(np.isin(first_ids, [*sources]) | np.isin(ids, uploaded_ids))
        rows = rows[np.argsort(ids[rows])]

        def load(row: int) -> Image.Image:
            sample, first_id = int(ids[rows[row]]), int(first_ids[rows[row]])
            return sources[first_id].by_id(sample - first_id) if first_id in sources else uploaded.by_id(sample)

        return Images(y[rows], load, ids[rows])

    splits = Splits(images("train"), images("test"))
    return splits if len(splits.train.labels) else None


def _same_labels(images: Images, ids: np.ndarray, y: np.ndarray) -> bool:
    rows = ids if images.ids is None else np.searchsorted(images.ids, ids)
    return bool(len(rows) and rows.max() < len(images.labels) and (images.labels[rows] == y).all())


def check_same_weights(
    info: SetInfo, model: LoadedModel, known: Callable[[], tuple[EmbeddingSet, Splits] | None]
) -> None:
    """Raise an `ImprintError` if a set was made with other weights than a model's.

    `known` returns a set made with the same weights and its images, or None if none is on this machine. It is called
    only if the digests of the weights differ: rounded weights have another digest and the same embeddings.
    """
    if info.meta["fm"].get("weights_sha256") == model.weights_digest:
        return
    known_set = known()
    if known_set is not None and _embeds_alike(model, *known_set):
        return
    weights = model.weights_file or "the library's official ones"
    raise ImprintError(
        f"The available weights ({weights}) differ from the weights of this embedding set "
        f"({info.meta['fm']['weights_origin']}), so a new image's embedding is not comparable with it. Embed the "
        "dataset again with these weights in the Library."
    )


def _embeds_alike(model: LoadedModel, embeddings: EmbeddingSet, images: Splits) -> bool:
    """Whether the model reproduces the set's embeddings of a few images."""
    rows = np.linspace(0, len(embeddings.id_train) - 1, _COMPARED_IMAGES).astype(int)
    x = model.embed([images.train.by_id(int(i)) for i in embeddings.id_train[rows]])
    stored = embeddings.X_train[rows]
    if x.shape != stored.shape:
        return False
    cosine = (x * stored).sum(axis=1) / np.maximum(np.linalg.norm(x, axis=1) * np.linalg.norm(stored, axis=1), 1e-12)
    return bool((cosine > _LEAST_COSINE).all())
