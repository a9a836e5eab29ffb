"""Labels in uploaded files, whole numbers or text, converted to class numbers and names; splits of the samples."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.arrays import Array
from imprint_core.datasets.images import hold_out
from imprint_core.datasets.names import MOST_CLASSES, clean_classes
from imprint_core.errors import ImprintError

_MOST_CHARACTERS = 1_000


@dataclass(frozen=True)
class Labels:
    """The labels of some samples: the distinct labels, and the position (n,) of each sample's label among them."""

    values: tuple[int, ...] | tuple[str, ...]
    codes: NDArray[np.integer]


def read_labels(array: Array) -> Labels:
    """Read an array (n,), (n, 1), or (n, C) one-hot, of labels.

    Raises an `ImprintError` if the labels are neither whole numbers nor text, the shape differs, there are too many
    classes, or the array is damaged.
    """
    shape = array.shape
    if len(shape) == 2 and shape[1] > 1 and array.dtype.kind in "biuf":
        codes = _one_hot(array)
        if codes is not None:
            columns, codes = np.unique(codes, return_inverse=True)
            return Labels(label_values(columns, array.name), codes)
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        text = " × ".join(map(str, shape)) or "of a single number"
        raise ImprintError(f"'{array.name}' has shape {text}; labels are one number or text per sample.")
    if array.dtype.kind not in "iufUS":
        raise ImprintError(f"'{array.name}' is of type {array.dtype}; labels must be whole numbers or text.")
    if array.dtype.kind in "US" and array.dtype.itemsize > 4 * _MOST_CHARACTERS:
        raise ImprintError(f"'{array.name}' has labels of more than {_MOST_CHARACTERS:,} characters; shorten them.")
    values, codes = np.unique(_read_flat(array), return_inverse=True)
    return Labels(label_values(values, array.name), codes)


def read_names(array: Array) -> tuple[str, ...]:
    """Read an array (C,) of class names.

    Raises an `ImprintError` if the names are not text, too many or too long, or the array is damaged.
    """
    if len(array.shape) != 1 or array.dtype.kind not in "US" or array.dtype.itemsize > 4 * _MOST_CHARACTERS:
        raise ImprintError(f"'{array.name}' must be a list of short texts, one per class number.")
    check_class_count(array.shape[0], array.name)
    return tuple(_texts(_read_flat(array), array.name))


def check_class_count(count: int, name: str) -> None:
    """Raise an `ImprintError` if there are more than `MOST_CLASSES` distinct labels."""
    if count > MOST_CLASSES:
        raise ImprintError(f"'{name}' has {count:,} classes; the limit is {MOST_CLASSES:,}, so upload fewer.")


def check_label_count(samples: Array, labels: Array, item: str) -> None:
    """Raise an `ImprintError` unless each sample has one label; `item` is the noun for a sample."""
    count = labels.shape[0] if labels.shape else 1
    if labels.shape[:1] != samples.shape[:1]:
        raise ImprintError(
            f"'{samples.name}' has {samples.shape[0]:,} {item}s, but there are {count:,} labels; "
            f"each {item} needs one label."
        )


def number_classes(
    parts: Sequence[Labels], class_names: Sequence[str] | None = None
) -> tuple[list[NDArray[np.int32]], tuple[str, ...]]:
    """Number the classes of several splits consistently, in the order of the labels.

    `class_names` are names of the labels 0 … C-1; text labels are names themselves. Returns the class number of each
    sample, for each part, and the names of the classes that occur, by number. Raises an `ImprintError` if numbers and
    text are mixed, a number has no name, or two names look the same.
    """
    values = {v for part in parts for v in part.values}
    is_text = {isinstance(v, str) for v in values}
    if len(is_text) > 1:
        raise ImprintError("Some labels are numbers and some text; use the same kind in training and test.")
    if is_text == {True} or class_names is None:
        raw = {v: str(v) for v in values}
    else:
        raw = {}
        for v in values:
            if not 0 <= int(v) < len(class_names):
                raise ImprintError(
                    f"Label {v} has no name among the {len(class_names)} class names; labels start at 0."
                )
            raw[v] = class_names[int(v)]
        if len(set(raw.values())) < len(raw):
            raise ImprintError("Two class names are equal; use a different name for each class.")
    clean = clean_classes(raw.values())
    rank = {name: i for i, name in enumerate(clean)}
    order: list[Any] = sorted(values, key=int) if is_text == {False} else sorted(values, key=lambda v: rank[str(v)])
    number = {v: i for i, v in enumerate(order)}
    codes = [np.array([number[v] for v in part.values], np.int32)[part.codes] for part in parts]
    return codes, tuple(clean[raw[v]] for v in order)


def check_splits(
    y: NDArray[np.int32], test: NDArray[np.bool_] | None, names: Sequence[str], item: str
) -> NDArray[np.bool_]:
    """Check that every class is in both splits; hold out a quarter of each class if there are no splits yet.

    Maps class numbers (n,) and the mask (n,) of test samples, or None, to the mask of test samples; `item` is the noun
    for a sample in messages. Raises an `ImprintError` if a class has fewer than two samples, or is missing in a split.
    """
    if test is None:
        counts = np.bincount(y, minlength=len(names))
        if counts.min() < 2:
            raise ImprintError(
                f"Class '{names[int(counts.argmin())]}' has {'only one' if counts.min() else 'no'} usable {item}; "
                "without splits, each class needs at least two, one to train and one to test on."
            )
        return hold_out(y)
    for split, mask in (("training", ~test), ("test", test)):
        missing = np.bincount(y[mask], minlength=len(names)) == 0
        if missing.any():
            raise ImprintError(
                f"Class '{names[int(missing.argmax())]}' has no usable {item} in the {split} split; "
                "every class must be in both splits."
            )
    return test


def label_values(values: NDArray[Any], name: str) -> tuple[int, ...] | tuple[str, ...]:
    """Convert distinct labels to plain numbers or text.

    Raises an `ImprintError` if they are too many, fractions, or bytes that are not UTF-8.
    """
    check_class_count(len(values), name)
    if values.dtype.kind in "US":
        return tuple(_texts(values, name))
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise ImprintError(f"'{name}' has fractions or NaN; labels must be whole numbers or text.")
    return tuple(int(v) for v in values)


def _one_hot(array: Array) -> NDArray[np.intp] | None:
    """Positions of the only 1 in each row, or None if a row has something else."""
    codes = []
    for rows in array.blocks():
        if not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()):
            return None
        codes.append(rows.argmax(axis=1))
    return np.concatenate(codes) if codes else None


def _read_flat(array: Array) -> NDArray[Any]:
    """Read labels or names, flattened; numpy fails on characters outside of Unicode."""
    values = array.read().reshape(-1, order="A")
    if values.dtype.kind == "U":
        characters = values.view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
        if characters.max(initial=0) > sys.maxunicode:
            raise _invalid_text(array.name)
    return values


def _texts(values: NDArray[Any], name: str) -> list[str]:
    try:
        return [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    except ValueError as error:
        raise _invalid_text(name) from error


def _invalid_text(name: str) -> ImprintError:
    return ImprintError(f"'{name}' has text that is not Unicode; save it as UTF-8 or numbers.")
