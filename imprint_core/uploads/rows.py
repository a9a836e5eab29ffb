"""Labelled rows from a file of any format, converted to checked embeddings with a training and a test split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.labels import Labels, check_splits, number_classes
from imprint_core.errors import ImprintError

MOST_ROWS = 2_000_000
MOST_DIMENSIONS = 65_536
MOST_BYTES = 2_000_000_000
"""Size in float32, even if the file is compressed to less."""


@dataclass(frozen=True)
class UploadedEmbeddings:
    """Embeddings (n, d) and (m, d) that a user uploaded, and their class numbers; every class is in both splits.

    Class names are by number, safe to display; notes are sentences about decisions made while reading.
    """

    X_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows of a file, their numbers not yet read.

    Each part is a run of rows, with its name, possibly empty, and its labels. `test` (n,) is None if the file has no
    splits. `blocks` yields all n rows in order as arrays (b, width) of numbers. Class names are by label, if labels are
    numbers and the file names them.
    """

    parts: Sequence[tuple[str, Labels]]
    test: NDArray[np.bool_] | None
    width: int
    blocks: Callable[[], Iterator[NDArray[Any]]]
    class_names: Sequence[str] | None = None
    notes: Sequence[str] = ()


def check_size(count: int, width: int) -> None:
    """Raise an `ImprintError` if there are no or too many rows or columns."""
    if not count or not width:
        raise ImprintError("The file has no embeddings; it needs at least two rows of each class.")
    if count > MOST_ROWS:
        raise ImprintError(f"There are {count:,} rows; the limit is {MOST_ROWS:,}, so save fewer.")
    if width > MOST_DIMENSIONS:
        raise ImprintError(
            f"The embeddings have {width:,} dimensions; the limit is {MOST_DIMENSIONS:,}, so use a smaller model."
        )
    if 4 * count * width > MOST_BYTES:
        raise ImprintError(
            f"{count:,} rows of {width:,} dimensions need more than {MOST_BYTES // 10**9} GB; save fewer rows."
        )


def load_rows(rows: LabelledRows) -> UploadedEmbeddings:
    """Number the classes, split, and read the numbers directly into the two splits.

    Raises an `ImprintError` if the labels cannot be used, a class is missing in a split, or a number is not finite.
    """
    codes, names = number_classes([labels for _, labels in rows.parts], rows.class_names)
    y, notes = np.concatenate(codes), list(rows.notes)
    test = check_splits(y, rows.test, names, "sample")
    if rows.test is None:
        notes.append(
            f"The file has no split. A quarter of each class, {int(test.sum()):,} of {len(y):,} samples, "
            "is the test split."
        )
    X_train, X_test = (np.empty((int(mask.sum()), rows.width), np.float32) for mask in (~test, test))
    _fill(X_train, X_test, test, rows)
    return UploadedEmbeddings(X_train, y[~test], X_test, y[test], names, tuple(notes))


def _fill(
    train: NDArray[np.float32], test: NDArray[np.float32], is_test: NDArray[np.bool_], rows: LabelledRows
) -> None:
    start = n_test = invalid = first = 0
    for block in rows.blocks():
        # Larger float64 become infinite and are reported below.
        with np.errstate(over="ignore"):
            values = block.astype(np.float32, copy=False)
        mask = is_test[start : start + len(values)]
        n_train, more = start - n_test, int(mask.sum())
        test[n_test : n_test + more] = values[mask]
        train[n_train : n_train + len(values) - more] = values[~mask]
        not_finite = ~np.isfinite(values).all(axis=1)
        if not_finite.any() and not invalid:
            first = start + int(not_finite.argmax())
        invalid += int(not_finite.sum())
        start, n_test = start + len(values), n_test + more
    if invalid:
        raise ImprintError(
            f"{invalid:,} of {start:,} rows have NaN or infinite values, the first is row {_row_name(first, rows)} "
            "(counted from 0); remove or correct them."
        )


def _row_name(row: int, rows: LabelledRows) -> str:
    for name, labels in rows.parts:
        if row < len(labels.codes):
            return f"{row:,} of {name}" if name else f"{row:,}"
        row -= len(labels.codes)
    return f"{row:,}"
