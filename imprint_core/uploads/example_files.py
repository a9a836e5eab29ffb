"""Example files for uploads, created from images and embeddings that ship with the project."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from imprint_core.datasets import dataset
from imprint_core.embeddings import find_sets, open_set
from imprint_core.paths import bundled_folder, data_folder

_NAMES = ("zero", "one", "two")
_PER_CLASS = 12


def example_zip() -> bytes:
    """Create a zip of class folders: scikit-learn's handwritten zeros, ones and twos."""
    images = dataset("digits").read(data_folder()).train
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for label, name in enumerate(_NAMES):
            for i, row in enumerate(np.flatnonzero(images.labels == label)[:_PER_CLASS]):
                png = io.BytesIO()
                images.load(int(row)).resize((64, 64)).save(png, "PNG")
                archive.writestr(f"{name}/{i:02d}.png", png.getvalue())
    return file.getvalue()


def example_npz() -> bytes:
    """Create an `.npz` of ViT-Ti/16 embeddings of the same digits."""
    sets, _ = find_sets(bundled_folder())
    digits = open_set(sets["vit_tiny_patch16_224", "digits"])
    arrays: dict[str, np.ndarray] = {"class_names": np.array(_NAMES)}
    for split, X, y in (("train", digits.X_train, digits.y_train), ("test", digits.X_test, digits.y_test)):
        rows = np.concatenate([np.flatnonzero(y == label)[: 2 * _PER_CLASS] for label in range(len(_NAMES))])
        arrays |= {f"X_{split}": X[rows], f"y_{split}": y[rows]}
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
