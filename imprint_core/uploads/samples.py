"""Files that show what can be uploaded, made of real images and embeddings that are always at hand."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from imprint_core.datasets import dataset
from imprint_core.embeddings import find_sets, open_set
from imprint_core.paths import bundled_folder, data_folder

_NAMES = ("zero", "one", "two")
_OF_EACH = 12


def sample_zip() -> bytes:
    """A zip of class folders: scikit-learn's handwritten zeros, ones and twos."""
    images = dataset("digits").read(data_folder()).train
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for label, name in enumerate(_NAMES):
            for place, row in enumerate(np.flatnonzero(images.labels == label)[:_OF_EACH]):
                png = io.BytesIO()
                images.load(int(row)).resize((64, 64)).save(png, "PNG")
                archive.writestr(f"{name}/{place:02d}.png", png.getvalue())
    return file.getvalue()


def sample_npz() -> bytes:
    """An `.npz` of embeddings: ViT-Ti/16 on the same numerals."""
    sets, _ = find_sets(bundled_folder())
    opened = open_set(sets["vit_tiny_patch16_224", "digits"])
    arrays: dict[str, np.ndarray] = {"class_names": np.array(_NAMES)}
    for split, X, y in (("train", opened.X_train, opened.y_train), ("test", opened.X_test, opened.y_test)):
        rows = np.concatenate([np.flatnonzero(y == label)[: 2 * _OF_EACH] for label in range(len(_NAMES))])
        arrays |= {f"X_{split}": X[rows], f"y_{split}": y[rows]}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
