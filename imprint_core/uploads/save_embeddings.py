"""Embeddings of the user's own as a set in the store, like any that was embedded here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.embeddings.store import SetInfo, class_sizes, write_set
from imprint_core.models import FoundationModel
from imprint_core.uploads.rows import OwnEmbeddings

_ORDER_SEED = 0


def keep_embeddings(own: OwnEmbeddings, label: str, fm: FoundationModel | None, folder: Path) -> SetInfo:
    """Write embeddings of the user's own as a set.

    Parameters
    ----------
    own : OwnEmbeddings
    label : str
        What the user calls the data.
    fm : FoundationModel or None
        The model that they were made with; None for one that isn't known here.
    folder : Path
        Of the store.

    Raises
    ------
    ImprintError
        If the disk is full or the folder can't be written.
    """
    width = own.X_train.shape[1]
    tensors: dict[str, NDArray[Any]] = {}
    for split, X, y in (("train", own.X_train, own.y_train), ("test", own.X_test, own.y_test)):
        rows = _by_class(y)
        # float32, for nobody knows whether the numbers fit into 16 bits.
        tensors |= {f"y_{split}": y[rows], f"id_{split}": rows.astype(np.int32), f"X_{split}": X[rows]}
    digest = hashlib.sha256(b"".join(t.tobytes() for t in tensors.values()))
    digest.update("\n".join(own.class_names).encode())
    meta = {
        "fm": {
            "name": fm.name if fm else f"own_{width}d",
            "library": fm.library if fm else "",
            "label": fm.label if fm else f"A model of your own ({width}-d)",
            "dim": width,
            "weights_sha256": "",
            "weights_origin": "embeddings of your own; the weights are not known here",
            "transform": "not known here",
        },
        "dataset": {
            "name": f"own_{digest.hexdigest()[:12]}",
            "label": clean_name(label),
            "origin": "Embeddings of your own, kept on this machine.",
            "path": "",
            "class_names": list(own.class_names),
            "sample_ids": "row in the uploaded file's own training or test split",
            "parts": [],
        },
        "samples": {split: class_sizes(tensors[f"y_{split}"]) for split in ("train", "test")},
        "encoding": "float32",
    }
    return write_set(folder, tensors, meta)


def _by_class(y: NDArray[np.int32]) -> NDArray[np.intp]:
    """Rows by class, in random order within it, as the store has them: any first part of a class is a fair one."""
    shuffled = np.random.default_rng(_ORDER_SEED).permutation(len(y))
    return shuffled[np.argsort(y[shuffled], kind="stable")]
