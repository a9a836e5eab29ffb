"""Embeddings that the user has made elsewhere, in a file of one of three kinds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, BinaryIO, Literal

import numpy as np

from imprint_core.errors import ImprintError
from imprint_core.uploads.arrays import StoredArray, npz_arrays, safetensors_arrays
from imprint_core.uploads.labels import read_labels, read_names
from imprint_core.uploads.rows import OwnEmbeddings, Rows, check_size, gather
from imprint_core.uploads.tables import parquet_rows

Kind = Literal["npz", "safetensors", "parquet"]

_SPLIT_KEYS = (("x_train", "y_train"), ("x_test", "y_test"))
_WHOLE_KEYS = (("x", "y"), ("embeddings", "labels"))
_NAMES = "class_names"
_WANTED = frozenset(chain(*_SPLIT_KEYS, *_WHOLE_KEYS, (_NAMES,)))


def read_embeddings(file: BinaryIO, kind: Kind, fm_dim: int | None = None, fm_label: str = "") -> OwnEmbeddings:
    """Read embeddings and check that they can be used.

    Parameters
    ----------
    file : binary file
        Seekable. An `.npz` or `.safetensors` holds `X_train, y_train, X_test, y_test` or `X, y`
        (or `embeddings, labels`) in any case, and maybe `class_names` (in safetensors JSON in the
        metadata); a `.parquet` a column `label` or `y`, maybe `split`, and the numbers in a list
        column `embedding` or in all other numeric columns.
    kind : {"npz", "safetensors", "parquet"}
    fm_dim : int, optional
        Dimensions that the embeddings must have, those of the FM called `fm_label`.
    fm_label : str

    Returns
    -------
    OwnEmbeddings
        Where the file has no split, a quarter of each class is the test split.

    Raises
    ------
    ImprintError
        If the file is damaged or too large, or the embeddings can't be used as they are.
    """
    if kind == "npz":
        rows = _from_arrays(npz_arrays(file, _WANTED), None)
    elif kind == "safetensors":
        arrays, metadata = safetensors_arrays(file, _WANTED)
        rows = _from_arrays(arrays, _named(metadata))
    else:
        rows = parquet_rows(file)
    if fm_dim is not None and rows.width != fm_dim:
        raise ImprintError(
            f"These embeddings have {rows.width:,} dimensions, {fm_label} gives {fm_dim:,}; "
            "choose the model that they were made with."
        )
    return gather(rows)


def _from_arrays(arrays: dict[str, StoredArray], class_names: Sequence[str] | None) -> Rows:
    if all(key in arrays for key in chain(*_SPLIT_KEYS)):
        pairs = [(arrays[x], arrays[y]) for x, y in _SPLIT_KEYS]
    else:
        whole = next(((x, y) for x, y in _WHOLE_KEYS if x in arrays and y in arrays), None)
        if whole is None:
            here = ", ".join(sorted(a.name for a in arrays.values())) or "none of these"
            raise ImprintError(f"The file has {here}; embeddings are X_train, y_train, X_test and y_test, or X and y.")
        pairs = [(arrays[whole[0]], arrays[whole[1]])]
    for x, y in pairs:
        _check_array(x, y)
    (first, _), (last, _) = pairs[0], pairs[-1]
    if first.shape[1] != last.shape[1]:
        raise ImprintError(
            f"'{first.name}' has {first.shape[1]:,} dimensions but '{last.name}' {last.shape[1]:,}; "
            "both must be made with the same model."
        )
    check_size(sum(x.shape[0] for x, _ in pairs), first.shape[1])
    if _NAMES in arrays:
        class_names = read_names(arrays[_NAMES])
    test = np.arange(first.shape[0] + last.shape[0]) >= first.shape[0] if len(pairs) == 2 else None
    return Rows(
        [(x.name, read_labels(y)) for x, y in pairs],
        test,
        first.shape[1],
        lambda: chain.from_iterable(x.blocks() for x, _ in pairs),
        class_names,
    )


def _check_array(x: StoredArray, y: StoredArray) -> None:
    if len(x.shape) != 2:
        raise ImprintError(
            f"'{x.name}' has shape {x.shape}, but embeddings are a table of one row a sample; "
            "if these are images, upload them as images."
        )
    if x.dtype.kind not in "iuf":
        raise ImprintError(f"'{x.name}' is of type {x.dtype}; embeddings must be real numbers, such as float32.")
    if y.shape[:1] != x.shape[:1]:
        labels = y.shape[0] if y.shape else 1
        raise ImprintError(f"There are {x.shape[0]:,} rows in '{x.name}' but {labels:,} labels; each row needs one.")
    if 0 in x.shape:
        raise ImprintError(f"'{x.name}' is empty; it needs a row for each sample.")


def _named(metadata: dict[str, Any]) -> tuple[str, ...] | None:
    text = metadata.get(_NAMES)
    if text is None:
        return None
    try:
        names = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ImprintError('The metadata\'s class_names must be a JSON list of texts, such as ["cat", "dog"].')
    return tuple(names)
