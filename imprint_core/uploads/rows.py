"""Labelled rows from a file of any format, converted to an embedding set with a training and a test split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.labels import Labels, check_splits, number_classes
from imprint_core.embeddings.tensors import TensorFile, tensor_file
from imprint_core.errors import ImprintError

MOST_ROWS = 10_000_000
MOST_DIMENSIONS = 65_536
_ORDER_SEED = 0
_SPLITS = ("train", "test")


class LeftOutColumn(NamedTuple):
    """A column or an array that is not part of the embedding; doubtful if its values, not its name, are the reason."""

    name: str
    reason: str
    doubtful: bool = False


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows of a file, their numbers not yet read.

    Each part is a run of rows, with its name, possibly empty, and its labels. `test` (n,) is None if the file has no
    splits. `blocks` yields all n rows in order as arrays (b, width) of numbers. Class names are by label, if labels are
    numbers and the file names them. `taken` describes the columns or arrays that are the embedding.
    """

    parts: Sequence[tuple[str, Labels]]
    test: NDArray[np.bool_] | None
    width: int
    blocks: Callable[[], Iterator[NDArray[Any]]]
    class_names: Sequence[str] | None = None
    taken: str = "all numbers"
    left_out: Sequence[LeftOutColumn] = ()


@dataclass(frozen=True)
class Samples:
    """Labelled rows whose classes are numbered and whose splits are checked.

    Attributes
    ----------
    rows : LabelledRows
    y : ndarray of shape (n,), int32
        Class numbers.
    test : ndarray of shape (n,), bool
        Whether a row is in the test split; every class is in both splits.
    class_names : tuple of str
        By class number, safe to display.
    held_out : bool
        Whether the test split was held out because the file has none.
    """

    rows: LabelledRows
    y: NDArray[np.int32]
    test: NDArray[np.bool_]
    class_names: tuple[str, ...]
    held_out: bool


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


def check_samples(rows: LabelledRows, most_bytes: int) -> Samples:
    """Number the classes and check the splits.

    Raises an `ImprintError` if the labels cannot be used, a class is missing in a split, or the numbers have more than
    `most_bytes` in float32.
    """
    codes, names = number_classes([labels for _, labels in rows.parts], rows.class_names)
    y = np.concatenate(codes)
    check_size(len(y), rows.width)
    if 4 * len(y) * rows.width > most_bytes:
        raise ImprintError(
            f"{len(y):,} rows of {rows.width:,} dimensions need {4 * len(y) * rows.width / 10**9:.1f} GB; the limit is "
            f"{most_bytes / 10**9:.1f} GB, so save fewer rows."
        )
    return Samples(rows, y, check_splits(y, rows.test, names, "sample"), names, rows.test is None)


def write_samples(
    samples: Samples, path: Path, progress: Callable[[int, int], None]
) -> tuple[str, str, dict[str, NDArray[np.int32]]]:
    """Write the tensors of an embedding set, in a few megabytes of memory.

    Rows are sorted by class, and shuffled within each class as in the store, so the first rows of a class are a random
    sample. `progress` is called with the number of rows done and their total.

    Returns
    -------
    file_digest, content_digest : str
        SHA-256 of the file, and of the tensors and class names.
    labels : dict of ndarray
        Class numbers of the rows, by split.

    Raises
    ------
    ImprintError
        If a number is not finite, or the file is damaged or cannot be written.
    """
    count, width = len(samples.y), samples.rows.width
    labels, target = {}, np.empty(count, np.intp)
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    small: dict[str, NDArray[Any]] = {}
    for split, mask in zip(_SPLITS, (~samples.test, samples.test), strict=True):
        y = samples.y[mask]
        shuffled = np.random.default_rng(_ORDER_SEED).permutation(len(y))
        order = shuffled[np.argsort(y[shuffled], kind="stable")]
        position = np.empty(len(y), np.intp)
        position[order] = np.arange(len(y))
        target[mask] = position
        labels[split] = y[order]
        small |= {f"y_{split}": labels[split], f"id_{split}": order.astype(np.int32)}
        integers = np.dtype(np.int32)
        shapes |= {f"y_{split}": (integers, y.shape), f"id_{split}": (integers, y.shape)}
        # float32, because the numbers may not fit into 16 bits.
        shapes[f"X_{split}"] = np.dtype(np.float32), (len(y), width)
    with tensor_file(path, shapes) as file:
        for name, values in small.items():
            file.write(name, values)
        _write_blocks(samples, file, target, progress)
        size = file.size
    return *_digests(path, size, samples.class_names), labels


def _write_blocks(
    samples: Samples, file: TensorFile, target: NDArray[np.intp], progress: Callable[[int, int], None]
) -> None:
    """Write each row to its target row in its split."""
    start = invalid = first = 0
    count = len(target)
    for block in samples.rows.blocks():
        stop = start + len(block)
        if stop > count or block.shape[1:] != (samples.rows.width,):
            raise _damaged()
        # Larger float64 become infinite and are reported below.
        with np.errstate(over="ignore"):
            values = block.astype(np.float32, copy=False)
        for split, mask in zip(_SPLITS, (~samples.test[start:stop], samples.test[start:stop]), strict=True):
            file.write(f"X_{split}", values[mask], target[start:stop][mask])
        not_finite = ~np.isfinite(values).all(axis=1)
        if not_finite.any() and not invalid:
            first = start + int(not_finite.argmax())
        invalid += int(not_finite.sum())
        start = stop
        progress(start, count)
    if start != count:
        raise _damaged()
    if invalid:
        raise ImprintError(
            f"{invalid:,} of {count:,} rows have NaN or infinite values, the first is row "
            f"{_row_name(first, samples.rows)} (counted from 0); remove or correct them."
        )


def _digests(path: Path, size: int, class_names: Sequence[str]) -> tuple[str, str]:
    """SHA-256 of a tensor file, and of its tensors, the last `size` bytes, with the class names."""
    with path.open("rb") as file:
        whole = hashlib.sha256(file.read(path.stat().st_size - size))
        content = hashlib.sha256()
        while part := file.read(1_000_000):
            whole.update(part)
            content.update(part)
    content.update("\n".join(class_names).encode())
    return whole.hexdigest(), content.hexdigest()


def _damaged() -> ImprintError:
    return ImprintError("The file is damaged: it has other rows than it declares. Save it again.")


def _row_name(row: int, rows: LabelledRows) -> str:
    for name, labels in rows.parts:
        if row < len(labels.codes):
            return f"{row:,} of {name}" if name else f"{row:,}"
        row -= len(labels.codes)
    return f"{row:,}"
