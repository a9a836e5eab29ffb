"""The samples that a map shows, each under one number that stays the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import Split
from imprint_core.framework.normalization import Array

# Which samples a map can show.
SHOWN = {"test": "test samples", "all": "test and training samples"}


def code_of(ids: NDArray[np.integer], training: bool) -> NDArray[np.int32]:
    """One number for each sample: its id if it is a test sample, −1 − id if it is a training sample."""
    return np.asarray(-1 - ids if training else ids, dtype=np.int32)


def id_of(code: int) -> tuple[str, int]:
    """The split, "test" or "training", and the id in it, of a sample's number."""
    return ("training", -1 - code) if code < 0 else ("test", code)


def sample_text(code: int) -> str:
    """How a sample is written: "12" or "training 12"."""
    part, number = id_of(code)
    return str(number) if part == "test" else f"{part} {number}"


def parse_sample(text: str) -> int:
    """The number of a sample that `sample_text` wrote.

    Raises
    ------
    ImprintError
        If it is written otherwise.
    """
    words = text.casefold().replace("sample", " ").replace("#", " ").split()
    part = words[0] if len(words) > 1 else "test"
    # More digits than any id has are no id, and don't fit into 32 bits.
    if part in ("test", "training", "train") and 0 < len(words) < 3 and words[-1].isascii() and words[-1].isdigit():
        number = int(words[-1][:12])
        if number < 2**31 - 1:
            return -1 - number if part.startswith("train") else number
    raise ImprintError("a sample is written by its number in the test split, such as 12, or as training 12.")


@dataclass(frozen=True)
class Samples:
    """Samples of a pool, test samples first.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Their embeddings, as stored.
    y, origin : ndarray of shape (n,), int32
        Their classes in the task, and in the dataset.
    codes : ndarray of shape (n,), int32
        `code_of` each.
    test : int
        How many of them are test samples: the first.
    names : tuple of str
        Class names, by number in `y`.
    """

    X: Array
    y: NDArray[np.int32]
    origin: NDArray[np.int32]
    codes: NDArray[np.int32]
    test: int
    names: tuple[str, ...]

    def rows_of(self, codes: NDArray[np.integer]) -> NDArray[np.intp]:
        """Rows of the samples of these numbers, in their order; those that aren't here are left out."""
        order = np.argsort(self.codes)
        place = np.searchsorted(self.codes[order], codes)
        place = np.minimum(place, len(order) - 1)
        rows = order[place]
        return np.asarray(rows[self.codes[rows] == codes], dtype=np.intp)


def samples_of(pool: Split, shown: str) -> Samples:
    """The samples of a pool that a map shows, `shown` being a key of `SHOWN`."""
    test = Samples(
        pool.X_test, pool.y_test, pool.origin_test, code_of(pool.id_test, False), len(pool.y_test), pool.names
    )
    if shown == "test":
        return test
    return Samples(
        np.concatenate([test.X, pool.X_train]),
        np.concatenate([test.y, pool.y_train]),
        np.concatenate([test.origin, pool.origin_train]),
        np.concatenate([test.codes, code_of(pool.id_train, True)]),
        test.test,
        pool.names,
    )


def sources_of(codes: NDArray[np.int32], dataset: Mapping[str, Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Which part of a merged dataset each sample is from, and what the parts are called.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        `code_of` the samples.
    dataset : mapping
        A sidecar's entry of that name.

    Returns
    -------
    parts : ndarray of shape (n,)
        Numbers of parts; all 0 where the dataset is of one piece.
    names : tuple of str
        Of the parts; empty where the dataset is of one piece.
    """
    parts = sorted(dataset.get("parts", ()), key=lambda part: int(part["first_id"]))
    if len(parts) < 2:
        return np.zeros(len(codes), dtype=np.int32), ()
    ids = np.where(codes < 0, -1 - codes, codes)
    first = np.array([int(part["first_id"]) for part in parts])
    found = np.maximum(np.searchsorted(first, ids, side="right") - 1, 0)
    return found.astype(np.int32), tuple(str(part["name"]) for part in parts)
