"""Labelled rows from any kind of file, gathered into embeddings that can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.images import hold_out
from imprint_core.errors import ImprintError
from imprint_core.uploads.labels import Labels, number_classes

MOST_ROWS = 2_000_000
MOST_DIMENSIONS = 65_536
MOST_BYTES = 2_000_000_000
"""In float32, however little the file may take."""


@dataclass(frozen=True)
class OwnEmbeddings:
    """Embeddings of the user's own.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n, d) and (m, d), float32
    y_train, y_test : ndarray of shape (n,) and (m,), int32
        Class numbers; every class is in both.
    class_names : tuple of str
        By class number; fit to be shown.
    notes : tuple of str
        Sentences on what was decided in reading them.
    """

    X_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """What every kind of file gives: labelled rows, their numbers not yet read.

    Attributes
    ----------
    parts : sequence of (str, Labels)
        What each run of rows is called, if anything, and its labels.
    test : ndarray of shape (n,), bool, or None
        Which rows are the test split; None where the file doesn't say.
    width : int
        Columns, d.
    blocks : callable
        Gives (b, d) arrays of numbers that are all n rows one after the other.
    class_names : sequence of str or None
        By label, where labels are numbers and the file names them.
    notes : sequence of str
    """

    parts: Sequence[tuple[str, Labels]]
    test: NDArray[np.bool_] | None
    width: int
    blocks: Callable[[], Iterator[NDArray[Any]]]
    class_names: Sequence[str] | None = None
    notes: Sequence[str] = ()


def check_size(count: int, width: int) -> None:
    """Refuse embeddings that are none, or too many or too wide.

    Raises
    ------
    ImprintError
        If they are.
    """
    if not count or not width:
        raise ImprintError("The file holds no embeddings; it needs at least two rows of each class.")
    if count > MOST_ROWS:
        raise ImprintError(f"There are {count:,} rows; {MOST_ROWS:,} are the most, so save fewer.")
    if width > MOST_DIMENSIONS:
        raise ImprintError(f"The embeddings have {width:,} dimensions; {MOST_DIMENSIONS:,} are the most.")
    if 4 * count * width > MOST_BYTES:
        raise ImprintError(
            f"{count:,} rows of {width:,} dimensions take more than {MOST_BYTES // 10**9} GB; save fewer rows."
        )


def gather(rows: Rows) -> OwnEmbeddings:
    """Number the classes, split, and read the numbers straight to where they belong.

    Raises
    ------
    ImprintError
        If the labels can't be used, a class is not in both splits, or a number isn't finite.
    """
    codes, names = number_classes([labels for _, labels in rows.parts], rows.class_names)
    y, test, notes = np.concatenate(codes), rows.test, list(rows.notes)
    counts = np.bincount(y, minlength=len(names))
    if test is None:
        if counts.min() < 2:
            raise ImprintError(
                f"Class '{names[counts.argmin()]}' has a single sample; without a split of its own the file needs "
                "two of each, one to learn from and one to test on."
            )
        test = hold_out(y)
        notes.append(
            f"A quarter of each class, {int(test.sum()):,} of {len(y):,} samples, is held out as the test split, "
            "for the file has none."
        )
    for split, other, mask in (("test", "training", test), ("training", "test", ~test)):
        missing = np.bincount(y[mask], minlength=len(names)) == 0
        if missing.any():
            raise ImprintError(
                f"Class '{names[missing.argmax()]}' is in the {other} split but not in the {split} split; "
                "every class must be in both."
            )
    X_train, X_test = (np.empty((int(mask.sum()), rows.width), np.float32) for mask in (~test, test))
    _fill(X_train, X_test, test, rows)
    return OwnEmbeddings(X_train, y[~test], X_test, y[test], names, tuple(notes))


def _fill(train: NDArray[np.float32], test: NDArray[np.float32], is_test: NDArray[np.bool_], rows: Rows) -> None:
    start = n_test = bad = first = 0
    for block in rows.blocks():
        # Larger float64 become infinite, and are told below.
        with np.errstate(over="ignore"):
            values = block.astype(np.float32, copy=False)
        mask = is_test[start : start + len(values)]
        n_train, more = start - n_test, int(mask.sum())
        test[n_test : n_test + more] = values[mask]
        train[n_train : n_train + len(values) - more] = values[~mask]
        wrong = ~np.isfinite(values).all(axis=1)
        if wrong.any() and not bad:
            first = start + int(wrong.argmax())
        bad += int(wrong.sum())
        start, n_test = start + len(values), n_test + more
    if bad:
        raise ImprintError(
            f"{bad:,} of {start:,} rows hold NaN or infinite values, the first is row {_row(first, rows)} "
            "(counted from 0); leave them out or mend them."
        )


def _row(row: int, rows: Rows) -> str:
    for name, labels in rows.parts:
        if row < len(labels.codes):
            return f"{row:,} of {name}" if name else f"{row:,}"
        row -= len(labels.codes)
    return f"{row:,}"
