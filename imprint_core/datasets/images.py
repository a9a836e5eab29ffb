"""Labelled images, their splits, and draws of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.errors import ImprintError

# The part of each class held out where a dataset has no test split, and the seed of this draw.
_TEST_SHARE, _TEST_SEED = 0.25, 0


@dataclass(frozen=True)
class Images:
    """One split of a dataset: labels in memory, images loaded one at a time.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Class of each sample, 0 … C-1.
    load : callable
        Maps a sample's row in this split to a PIL image in L or RGB.
    ids : ndarray of shape (n,), int32, or None
        Stable id of each row, ascending; None where it is the row itself. Independent of draws and of which other
        datasets are available.
    contents : ndarray of shape (n, 16), uint8, or None
        Digest of each image's file, where it is known.
    """

    labels: NDArray[np.int32]
    load: Callable[[int], Image.Image]
    ids: NDArray[np.int32] | None = None
    contents: NDArray[np.uint8] | None = None

    def ids_of(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Stable ids of rows."""
        return rows if self.ids is None else self.ids[rows]

    def by_id(self, sample: int) -> Image.Image:
        """Load the image with the stable id `sample`.

        Raises an `ImprintError` if no sample has this id.
        """
        row = sample if self.ids is None else int(np.searchsorted(self.ids, sample))
        if not 0 <= row < len(self.labels) or (self.ids is not None and self.ids[row] != sample):
            raise ImprintError(f"Sample {sample} does not exist among these {len(self.labels)} images.")
        return self.load(row)

    def find(self, sample: int) -> Image.Image | None:
        """Load the image with the stable id `sample`; None if no sample has it."""
        has = self.ids is None or bool(np.isin(sample, self.ids))
        return self.by_id(sample) if has else None

    def draw(self, per_class: int | None, seed: int) -> NDArray[np.int32]:
        """Draw the rows (m,) of at most `per_class` random samples per class; None draws all.

        The rows are ordered by class. Within a class, a smaller draw is a prefix of a larger one.
        """
        draws = []
        for c in np.unique(self.labels):
            rows = np.flatnonzero(self.labels == c)
            draws.append(np.random.default_rng((seed, int(c))).permutation(rows)[:per_class])
        return np.concatenate(draws).astype(np.int32)


class LeftOut(NamedTuple):
    """A file or folder that is no part of a dataset, and why; both are safe to display.

    `kind` is "system" for hidden files and those that operating systems add, "damaged" for images that cannot be
    decoded, else "other".
    """

    display_name: str
    reason: str
    kind: str = "other"


class Part(NamedTuple):
    """Part of a merged dataset: the name of its dataset, and its first sample id."""

    name: str
    first_id: int


@dataclass(frozen=True)
class Splits:
    """Training and test split of a dataset, its class names, where known, and the parts of a merged dataset.

    The label replaces the dataset's where the files determine one; else it is empty. `left_out` are files of the source
    that are in neither split. `held_out`: whether the source has no splits, so that `hold_out` made the test split.
    """

    train: Images
    test: Images
    class_names: tuple[str, ...] | None = None
    label: str = ""
    parts: tuple[Part, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    held_out: bool = False


def from_arrays(x: NDArray[np.uint8], y: NDArray[np.integer]) -> Images:
    """Wrap pixels (n, h, w), (n, h, w, 1) or (n, h, w, 3), 0 … 255, and labels (n,).

    Raises an `ImprintError` if the arrays have another type, shape or length.
    """
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.dtype != np.uint8 or not (x.ndim == 3 or (x.ndim == 4 and x.shape[3] == 3)):
        raise ImprintError(
            f"The pixels are {x.dtype} of shape {x.shape}. Save them as uint8 (0 to 255) of shape (n, h, w) or "
            "(n, h, w, 3)."
        )
    y = np.asarray(y).reshape(-1)
    if len(x) != len(y):
        raise ImprintError(f"{len(x)} images have {len(y)} labels. Give one label per image.")
    return Images(y.astype(np.int32), lambda i: Image.fromarray(x[i]))


def hold_out(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Select a fixed random quarter of each class, at least one sample, as the test split; (n,) bool.

    A class of one sample has no test sample.
    """
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        rows = np.random.default_rng((_TEST_SEED, int(c))).permutation(np.flatnonzero(labels == c))
        if len(rows) > 1:
            test[rows[: max(1, round(_TEST_SHARE * len(rows)))]] = True
    return test
