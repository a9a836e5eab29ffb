"""Saves uploaded embeddings as a set in the store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.embeddings.store import SetInfo, class_sizes, write_set
from imprint_core.models import FoundationModel
from imprint_core.uploads.rows import UploadedEmbeddings

_ORDER_SEED = 0


def save_embeddings(embeddings: UploadedEmbeddings, label: str, fm: FoundationModel | None, folder: Path) -> SetInfo:
    """Write uploaded embeddings and the user's label as a set; the FM is None if it is not in the registry.

    Raises an `ImprintError` if the disk is full or the folder cannot be written.
    """
    width = embeddings.X_train.shape[1]
    tensors: dict[str, NDArray[Any]] = {}
    for split, X, y in (
        ("train", embeddings.X_train, embeddings.y_train),
        ("test", embeddings.X_test, embeddings.y_test),
    ):
        rows = _by_class(y)
        # float32, because the numbers may not fit into 16 bits.
        tensors |= {f"y_{split}": y[rows], f"id_{split}": rows.astype(np.int32), f"X_{split}": X[rows]}
    digest = hashlib.sha256(b"".join(t.tobytes() for t in tensors.values()))
    digest.update("\n".join(embeddings.class_names).encode())
    meta = {
        "fm": {
            "name": fm.name if fm else f"own_{width}d",
            "library": fm.library if fm else "",
            "label": fm.label if fm else f"Your model ({width}-d)",
            "dim": width,
            "weights_sha256": "",
            "weights_origin": "uploaded embeddings; the weights are unknown",
            "transform": "unknown",
        },
        "dataset": {
            "name": f"own_{digest.hexdigest()[:12]}",
            "label": clean_name(label),
            "origin": "Uploaded embeddings, stored on this machine.",
            "path": "",
            "class_names": list(embeddings.class_names),
            "sample_ids": "row in the training or test split of the uploaded file",
            "parts": [],
        },
        "samples": {split: class_sizes(tensors[f"y_{split}"]) for split in ("train", "test")},
        "encoding": "float32",
    }
    return write_set(folder, tensors, meta)


def _by_class(y: NDArray[np.int32]) -> NDArray[np.intp]:
    """Rows by class, shuffled within each class as in the store, so the first rows of a class are a random sample."""
    shuffled = np.random.default_rng(_ORDER_SEED).permutation(len(y))
    return shuffled[np.argsort(y[shuffled], kind="stable")]
