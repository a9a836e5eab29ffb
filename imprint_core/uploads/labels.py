"""Labels as they come in files, whole numbers or text, made into class numbers and names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import MOST_CLASSES, clean_classes
from imprint_core.errors import ImprintError
from imprint_core.uploads.arrays import StoredArray

_MOST_LETTERS = 1_000


@dataclass(frozen=True)
class Labels:
    """The labels of some samples.

    Attributes
    ----------
    values : tuple of int, or tuple of str
        Those that occur.
    codes : ndarray of shape (n,), integer
        Position of each sample's label in `values`.
    """

    values: tuple[int, ...] | tuple[str, ...]
    codes: NDArray[np.integer]


def read_labels(array: StoredArray) -> Labels:
    """Read an array (n,) or (n, 1) of labels.

    Raises
    ------
    ImprintError
        If they are neither whole numbers nor text, of another shape, too many, or damaged.
    """
    shape = array.shape
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise ImprintError(f"'{array.name}' has shape {_shape(shape)}; labels are one number or text a sample.")
    if array.dtype.kind not in "iufUS" or array.bfloat16:
        raise ImprintError(f"'{array.name}' is of type {array.dtype}; labels must be whole numbers or text.")
    if array.dtype.kind in "US" and array.dtype.itemsize > 4 * _MOST_LETTERS:
        raise ImprintError(f"'{array.name}' has labels of more than {_MOST_LETTERS:,} letters; shorten them.")
    values, codes = np.unique(_valid(array), return_inverse=True)
    return Labels(label_values(values, array.name), codes)


def read_names(array: StoredArray) -> tuple[str, ...]:
    """Read an array (C,) of class names.

    Raises
    ------
    ImprintError
        If it isn't text, or damaged or too long.
    """
    if len(array.shape) != 1 or array.dtype.kind not in "US" or array.dtype.itemsize > 4 * _MOST_LETTERS:
        raise ImprintError(f"'{array.name}' must be a list of short texts, one for each class number.")
    too_many(array.shape[0], array.name)
    return tuple(_texts(_valid(array), array.name))


def too_many(count: int, name: str) -> None:
    """Refuse more than `MOST_CLASSES` different labels.

    Raises
    ------
    ImprintError
        If there are.
    """
    if count > MOST_CLASSES:
        raise ImprintError(f"'{name}' holds {count:,} classes; {MOST_CLASSES:,} are the most that fit.")


def number_classes(
    parts: Sequence[Labels], given: Sequence[str] | None = None
) -> tuple[list[NDArray[np.int32]], tuple[str, ...]]:
    """Number the classes of several splits alike.

    Parameters
    ----------
    parts : sequence of Labels
        Of each split.
    given : sequence of str, optional
        Names by number, where labels are numbers 0 … C-1; text labels are names themselves.

    Returns
    -------
    codes : list of ndarray, int32
        Class number of each sample, for each part.
    names : tuple of str
        By class number, of the classes that occur; numbers follow the labels' order.

    Raises
    ------
    ImprintError
        If numbers and text are mixed, a number has no name, or the names can't be told apart.
    """
    values = {v for part in parts for v in part.values}
    texts = {isinstance(v, str) for v in values}
    if len(texts) > 1:
        raise ImprintError("Some labels are numbers and some text; use the same kind in training and test.")
    if texts == {True} or given is None:
        raw = {v: str(v) for v in values}
    else:
        raw = {}
        for v in values:
            if not 0 <= int(v) < len(given):
                raise ImprintError(f"Label {v} has no name among the {len(given)} class names; labels count from 0.")
            raw[v] = given[int(v)]
        if len(set(raw.values())) < len(raw):
            raise ImprintError("Two classes have the same name in the class names; give each its own.")
    clean = clean_classes(raw.values())
    place = {name: i for i, name in enumerate(clean)}
    order: list[Any] = sorted(values, key=int) if texts == {False} else sorted(values, key=lambda v: place[str(v)])
    number = {v: i for i, v in enumerate(order)}
    codes = [np.array([number[v] for v in part.values], np.int32)[part.codes] for part in parts]
    return codes, tuple(clean[raw[v]] for v in order)


def label_values(values: NDArray[Any], name: str) -> tuple[int, ...] | tuple[str, ...]:
    """Different labels as plain numbers or text.

    Raises
    ------
    ImprintError
        If they are too many, fractions, or bytes that aren't UTF-8.
    """
    too_many(len(values), name)
    if values.dtype.kind in "US":
        return tuple(_texts(values, name))
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise ImprintError(f"'{name}' holds fractions or NaN; labels must be whole numbers or text.")
    return tuple(int(v) for v in values)


def _valid(array: StoredArray) -> NDArray[Any]:
    """Read labels or names, flat; numpy fails on letters that Unicode doesn't have."""
    values = array.read().reshape(-1, order="A")
    if values.dtype.kind == "U":
        letters = values.view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
        if letters.max(initial=0) > sys.maxunicode:
            raise _no_unicode(array.name)
    return values


def _texts(values: NDArray[Any], name: str) -> list[str]:
    try:
        return [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
    except ValueError as error:
        raise _no_unicode(name) from error


def _no_unicode(name: str) -> ImprintError:
    return ImprintError(f"'{name}' holds text that is not Unicode; save it as UTF-8 or numbers.")


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "of a single number"
