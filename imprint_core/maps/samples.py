"""Samples of a map with stable codes, which links, thumbnails and selections use, and their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import Split, sample_code
from imprint_core.framework.normalization import Array

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

# Samples that a map can display.
DISPLAYED = {"test": "test samples", "all": "test and training samples"}


def split_and_id(code: int) -> tuple[str, int]:
    """The split ("test" or "training") of a sample and its id in that split."""
    return ("training", -1 - code) if code < 0 else ("test", code)


def sample_text(code: int) -> str:
    """Text of a code: "12" or "training 12"."""
    split, number = split_and_id(code)
    return str(number) if split == "test" else f"{split} {number}"


def parse_sample(text: str) -> int:
    """Parse the text of a sample, such as "12" or "training 12", to its code.

    Raises
    ------
    ImprintError
        If the text is invalid.
    """
    words = text.casefold().replace("sample", " ").replace("#", " ").split()
    split = words[0] if len(words) > 1 else "test"
    # Ids fit into 32 bits.
    if split in ("test", "training", "train") and 0 < len(words) < 3 and words[-1].isascii() and words[-1].isdigit():
        number = int(words[-1][:12])
        if number < 2**31 - 1:
            return -1 - number if split.startswith("train") else number
    raise ImprintError("write a sample as its number in the test split, such as 12, or as training 12.")


@dataclass(frozen=True)
class Samples:
    """Samples of a map, test samples first.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        Embeddings, as stored.
    y, origin : ndarray of shape (n,), int32
        Class numbers in the task and in the dataset.
    codes : ndarray of shape (n,), int32
        `sample_code` of each sample.
    test : int
        Number of test samples.
    names : tuple of str
        Class names, indexed by `y`.
    """

    X: Array
    y: NDArray[np.int32]
    origin: NDArray[np.int32]
    codes: NDArray[np.int32]
    test: int
    names: tuple[str, ...]

    def rows_of(self, codes: NDArray[np.integer]) -> NDArray[np.intp]:
        """Rows of the samples with these codes, in that order; unknown codes are skipped."""
        order = np.argsort(self.codes)
        rows = order[np.minimum(np.searchsorted(self.codes[order], codes), len(order) - 1)]
        return np.asarray(rows[self.codes[rows] == codes], dtype=np.intp)


def map_samples(pool: Split, displayed: str) -> Samples:
    """The samples of a pool that a map displays; `displayed` is a key of `DISPLAYED`."""
    codes = sample_code(pool.id_test, False)
    if displayed == "test":
        return Samples(pool.X_test, pool.y_test, pool.origin_test, codes, len(codes), pool.names)
    return Samples(
        np.concatenate([pool.X_test, pool.X_train]),
        np.concatenate([pool.y_test, pool.y_train]),
        np.concatenate([pool.origin_test, pool.origin_train]),
        np.concatenate([codes, sample_code(pool.id_train, True)]),
        len(codes),
        pool.names,
    )


def sample_sources(codes: NDArray[np.int32], dataset: Mapping[str, Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The part of a merged dataset that each sample comes from.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        `sample_code` of the samples.
    dataset : mapping
        The sidecar's "dataset" entry.

    Returns
    -------
    parts : ndarray of shape (n,)
        Numbers of parts; all 0 if the dataset has no parts.
    names : tuple of str
        Names of the parts; empty if the dataset has no parts.
    """
    parts = sorted(dataset.get("parts", ()), key=lambda part: int(part["first_id"]))
    if len(parts) < 2:
        return np.zeros(len(codes), dtype=np.int32), ()
    ids = np.where(codes < 0, -1 - codes, codes)
    first_ids = np.array([int(part["first_id"]) for part in parts])
    numbers = np.maximum(np.searchsorted(first_ids, ids, side="right") - 1, 0)
    return numbers.astype(np.int32), tuple(str(part["name"]) for part in parts)


@dataclass(frozen=True)
class Predictions:
    """Predicted classes, margins and nearest proxies of n samples.

    Attributes
    ----------
    predicted : ndarray of shape (n,), int16
        Class numbers.
    margin : ndarray of shape (n,), float32
        Score of the predicted class minus that of the runner-up; infinite with a single class.
    proxy : ndarray of shape (n,), int32
        Row of the nearest proxy of the predicted class, among all proxies.
    """

    predicted: NDArray[np.int16]
    margin: NDArray[np.float32]
    proxy: NDArray[np.int32]


def predict_samples(model: ImprintingClassifier, X: Array) -> Predictions:
    """Classify embeddings (n, d) with a fitted model."""
    explained = model.explain(X)
    labels = model.classes_[model.proxy_class_[explained.winner]]
    return Predictions(labels.astype(np.int16), explained.margin.astype(np.float32), explained.winner.astype(np.int32))
