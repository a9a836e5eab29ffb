"""Embeddings in `.npz`, `.npy` and `.safetensors` files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from imprint_core.datasets.arrays import Array, npy_array, npz_arrays, tensors
from imprint_core.datasets.labels import check_label_count, read_labels, read_names
from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError
from imprint_core.uploads.rows import LabelledRows, LeftOutColumn, check_size

_X = ("x", "embeddings", "embedding", "features", "feature", "vectors")
_Y = ("y", "labels", "label", "targets", "target", "classes", "class")
_SPLITS = ("train", "test")
_NAMES = "class_names"


def _in_split(names: Sequence[str], split: str) -> tuple[str, ...]:
    return tuple(chain.from_iterable((f"{name}_{split}", f"{split}_{name}") for name in names))


_SPLIT_KEYS = tuple((_in_split(_X, split), _in_split(_Y, split)) for split in _SPLITS)
_KEYS = frozenset(chain(_X, _Y, *chain.from_iterable(_SPLIT_KEYS), (_NAMES,)))


def npz_rows(file: BinaryIO) -> LabelledRows:
    """Open an `.npz` of embeddings and read its labels."""
    arrays, others = npz_arrays(file, _KEYS)
    return _rows(arrays, others, None)


def npy_rows(embeddings: BinaryIO, labels: BinaryIO) -> LabelledRows:
    """Open an `.npy` of embeddings and one of their labels, in any order."""
    first, second = npy_array(embeddings, "embeddings"), npy_array(labels, "labels")
    # Labels have one dimension, or fewer columns than embeddings.
    if (len(first.shape), first.shape[1:]) < (len(second.shape), second.shape[1:]):
        first, second = npy_array(labels, "embeddings"), npy_array(embeddings, "labels")
    return _rows({"x": first, "y": second}, [], None)


def safetensors_rows(file: BinaryIO) -> LabelledRows:
    """Open a `.safetensors` file of embeddings and read its labels; class names are JSON in its metadata."""
    arrays, others, metadata = tensors(file, _KEYS)
    return _rows(arrays, others, _metadata_names(metadata))


def _rows(arrays: Mapping[str, Array], others: Sequence[str], class_names: Sequence[str] | None) -> LabelledRows:
    def first(names: Sequence[str]) -> Array | None:
        return next((arrays[name] for name in names if name in arrays), None)

    candidates = [[(first(x), first(y)) for x, y in keys] for keys in (_SPLIT_KEYS, [(_X, _Y)])]
    pairs = next(
        ([(x, y) for x, y in pairs if x and y] for pairs in candidates if all(x and y for x, y in pairs)),
        None,
    )
    if pairs is None:
        names = ", ".join(sorted(a.name for a in arrays.values())) or "neither"
        raise ImprintError(f"The file has {names}; embeddings need X_train, y_train, X_test and y_test, or X and y.")
    for x, y in pairs:
        _check(x, y)
    (train, _), (last, _) = pairs[0], pairs[-1]
    if train.shape[1] != last.shape[1]:
        raise ImprintError(
            f"'{train.name}' has {train.shape[1]:,} dimensions but '{last.name}' {last.shape[1]:,}; "
            "both must come from the same model."
        )
    check_size(sum(x.shape[0] for x, _ in pairs), train.shape[1])
    if _NAMES in arrays:
        class_names = read_names(arrays[_NAMES])
    test = np.arange(train.shape[0] + last.shape[0]) >= train.shape[0] if len(pairs) == 2 else None
    used = {a.name for a in chain.from_iterable(pairs)} | {a.name for k, a in arrays.items() if k == _NAMES}
    return LabelledRows(
        [(x.name, read_labels(y)) for x, y in pairs],
        test,
        train.shape[1],
        lambda: chain.from_iterable(x.blocks() for x, _ in pairs),
        class_names,
        taken=", ".join(x.name for x, _ in pairs),
        left_out=[
            LeftOutColumn(name, "neither embeddings nor labels")
            for name in (*(a.name for a in arrays.values() if a.name not in used), *map(clean_name, others))
        ],
    )


def _check(x: Array, y: Array) -> None:
    if len(x.shape) != 2:
        raise ImprintError(
            f"'{x.name}' has shape {x.shape}, but embeddings are a table with one row per sample; "
            "if these are images, upload them as images."
        )
    if x.dtype.kind not in "iuf":
        raise ImprintError(f"'{x.name}' is of type {x.dtype}; embeddings must be real numbers, such as float32.")
    check_label_count(x, y, "row")
    if 0 in x.shape:
        raise ImprintError(f"'{x.name}' is empty; it needs a row for each sample.")


def _metadata_names(metadata: Mapping[str, Any]) -> tuple[str, ...] | None:
    text = metadata.get(_NAMES)
    if text is None:
        return None
    try:
        names = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ImprintError('class_names in the metadata must be a JSON list of texts, such as ["cat", "dog"].')
    return tuple(names)
