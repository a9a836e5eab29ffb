"""Labelled images as the extraction sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.errors import ImprintError

# A quarter of a class that comes without a test split is held out, the same one always.
_HELD_OUT, _HOLD_OUT_SEED = 0.25, 0


@dataclass(frozen=True)
class Images:
    """One split of a dataset: labels at hand, pixels read one at a time.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Class of each sample, 0 … C-1.
    load : callable
        Maps a sample's row in this split to a PIL image in L or RGB.
    ids : ndarray of shape (n,), int32, or None
        Stable id of each row, ascending; None where it is the row itself. It never depends on what was
        drawn or on which other datasets are at hand.
    """

    labels: NDArray[np.int32]
    load: Callable[[int], Image.Image]
    ids: NDArray[np.int32] | None = None

    def ids_of(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Stable ids of rows."""
        return rows if self.ids is None else self.ids[rows]

    def by_id(self, sample: int) -> Image.Image:
        """Load the image with the stable id `sample`.

        Raises
        ------
        ImprintError
            If there is none.
        """
        row = sample if self.ids is None else int(np.searchsorted(self.ids, sample))
        if not 0 <= row < len(self.labels) or (self.ids is not None and self.ids[row] != sample):
            raise ImprintError(f"There is no sample {sample} among these {len(self.labels)} images.")
        return self.load(row)

    def draw(self, per_class: int | None, seed: int) -> NDArray[np.int32]:
        """Draw the rows of at most `per_class` samples of each class, at random but always the same.

        The rows come ordered by class, and within a class in an order such that a smaller
        draw is a prefix of a larger one.

        Parameters
        ----------
        per_class : int or None
            How many of each class; None for all.
        seed : int
            Seed of the draw.

        Returns
        -------
        ndarray of shape (m,), int32
        """
        drawn = []
        for c in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == c)
            drawn.append(np.random.default_rng((seed, int(c))).permutation(rows)[:per_class])
        return np.concatenate(drawn).astype(np.int32)


class Part(NamedTuple):
    """A dataset that is part of a merged one: its name, and the first of its ids there."""

    name: str
    first_id: int


@dataclass(frozen=True)
class Splits:
    """Training and test split, and what the source tells about them.

    Attributes
    ----------
    train, test : Images
    class_names : tuple of str or None
        By class number, where the source tells them.
    label : str
        How these very images are called, where the source tells it.
    parts : tuple of Part
        What a merged dataset is made of.
    """

    train: Images
    test: Images
    class_names: tuple[str, ...] | None = None
    label: str = ""
    parts: tuple[Part, ...] = ()


def from_arrays(x: NDArray[np.uint8], y: NDArray[np.integer]) -> Images:
    """Wrap pixels (n, h, w), (n, h, w, 1) or (n, h, w, 3), 0 … 255, and labels (n,).

    Raises
    ------
    ImprintError
        If the arrays are of another kind or length.
    """
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.dtype != np.uint8 or not (x.ndim == 3 or (x.ndim == 4 and x.shape[3] == 3)):
        raise ImprintError(
            f"The pixels are {x.dtype} of shape {x.shape}; they must be uint8 (0 to 255) of shape (n, h, w) or "
            "(n, h, w, 3)."
        )
    y = np.asarray(y).reshape(-1)
    if len(x) != len(y):
        raise ImprintError(f"There are {len(x)} images but {len(y)} labels; each image needs one.")
    return Images(y.astype(np.int32), lambda i: Image.fromarray(x[i]))


def hold_out(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mark a quarter of each class, at least one sample, as its test split; always the same.

    A class of one sample has none to spare.
    """
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        rows = np.random.default_rng((_HOLD_OUT_SEED, int(c))).permutation(np.flatnonzero(labels == c))
        if len(rows) > 1:
            test[rows[: max(1, round(_HELD_OUT * len(rows)))]] = True
    return test


def subset(images: Images, rows: NDArray[np.integer]) -> Images:
    """Some rows of a split, whose ids stay what they were."""
    own = rows.astype(np.int32)
    return Images(images.labels[own], lambda i: images.load(int(own[i])), images.ids_of(own))
