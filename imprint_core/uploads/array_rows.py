"""Embeddings in `.npz` and `.safetensors` files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from imprint_core.datasets.arrays import StoredArray, npz_arrays, safetensors_arrays
from imprint_core.datasets.labels import check_label_count, read_labels, read_names
from imprint_core.errors import ImprintError
from imprint_core.uploads.rows import LabelledRows, check_size

_SPLIT_KEYS = (("x_train", "y_train"), ("x_test", "y_test"))
_WHOLE_KEYS = (("x", "y"), ("embeddings", "labels"))
_NAMES = "class_names"
_KEYS = frozenset(chain(*_SPLIT_KEYS, *_WHOLE_KEYS, (_NAMES,)))


def npz_rows(file: BinaryIO) -> LabelledRows:
    """Open an `.npz` of embeddings and read its labels."""
    return _rows(npz_arrays(file, _KEYS), None)


def safetensors_rows(file: BinaryIO) -> LabelledRows:
    """Open a `.safetensors` file of embeddings and read its labels; class names are JSON in its metadata."""
    arrays, metadata = safetensors_arrays(file, _KEYS)
    return _rows(arrays, _metadata_names(metadata))


def _rows(arrays: dict[str, StoredArray], class_names: Sequence[str] | None) -> LabelledRows:
    if all(key in arrays for key in chain(*_SPLIT_KEYS)):
        pairs = [(arrays[x], arrays[y]) for x, y in _SPLIT_KEYS]
    else:
        keys = next(((x, y) for x, y in _WHOLE_KEYS if x in arrays and y in arrays), None)
        if keys is None:
            names = ", ".join(sorted(a.name for a in arrays.values())) or "neither"
            raise ImprintError(
                f"The file has {names}; embeddings need X_train, y_train, X_test and y_test, or X and y."
            )
        pairs = [(arrays[keys[0]], arrays[keys[1]])]
    for x, y in pairs:
        _check(x, y)
    (first, _), (last, _) = pairs[0], pairs[-1]
    if first.shape[1] != last.shape[1]:
        raise ImprintError(
            f"'{first.name}' has {first.shape[1]:,} dimensions but '{last.name}' {last.shape[1]:,}; "
            "both must come from the same model."
        )
    check_size(sum(x.shape[0] for x, _ in pairs), first.shape[1])
    if _NAMES in arrays:
        class_names = read_names(arrays[_NAMES])
    test = np.arange(first.shape[0] + last.shape[0]) >= first.shape[0] if len(pairs) == 2 else None
    return LabelledRows(
        [(x.name, read_labels(y)) for x, y in pairs],
        test,
        first.shape[1],
        lambda: chain.from_iterable(x.blocks() for x, _ in pairs),
        class_names,
    )


def _check(x: StoredArray, y: StoredArray) -> None:
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


def _metadata_names(metadata: dict[str, Any]) -> tuple[str, ...] | None:
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
