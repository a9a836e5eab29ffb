"""Decision regions on a 2-D map: each pixel has the predicted class of the samples around it.

A map has no inverse, so regions are a majority vote of the displayed samples, and empty where there are none.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy.spatial import cKDTree

from imprint_core.errors import ImprintError

# Samples that vote for a pixel's class: few enough to follow a boundary, enough to outvote a single outlier.
VOTES = 5
# A pixel is covered if a sample is within this multiple of the samples' median spacing, limited to these fractions of
# the map's longer side: dense maps have no holes, and a few samples cover no large areas.
_SPACINGS = 3.0
_MIN_REACH, _MAX_REACH = 0.015, 0.06
# Samples that estimate the spacing.
_SPACING_SAMPLES = 2000
# A palette has 256 entries, one of them transparent.
_MAX_COLORS = 255


@dataclass(frozen=True)
class PixelGrid:
    """Nearest samples of each pixel. It depends on the map alone, not on the recipe.

    Attributes
    ----------
    nearest : ndarray of shape (h, w, s), int32
        Rows of the samples nearest to each pixel, nearest first; −1 for uncovered pixels. Row 0 is the top.
    covered : ndarray of shape (h, w), bool
        Whether a sample is near enough.
    """

    nearest: NDArray[np.int32]
    covered: NDArray[np.bool_]


def pixel_grid(positions: NDArray[np.floating], extent: tuple[ArrayLike, ArrayLike], pixels: int = 160) -> PixelGrid:
    """Find the samples nearest to each pixel.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
        Positions of the samples on the map.
    extent : (low, high)
        Lower left and upper right corner (2,) of the map.
    pixels : int
        Pixels along the longer side; pixels are square, and each side has at least one.

    Raises
    ------
    ImprintError
        If there are no samples, or an argument is invalid.
    """
    positions = np.asarray(positions, dtype=np.float64)
    low, high = (np.asarray(corner, dtype=np.float64) for corner in extent)
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions) or not np.isfinite(positions).all():
        raise ImprintError(f"Invalid positions of shape {positions.shape}. A map needs finite numbers (n, 2), n ≥ 1.")
    size = high - low
    if size.shape != (2,) or not np.isfinite(size).all() or (size < 0).any():
        raise ImprintError(f"Invalid extent from {low} to {high}. Use the lower left and the upper right corner.")
    if pixels < 1:
        raise ImprintError(f"pixels = {pixels} is out of range. Use at least 1.")
    longer = float(size.max())
    w, h = (max(1, round(pixels * side / longer)) if longer else 1 for side in size.tolist())
    x = low[0] + (np.arange(w) + 0.5) / w * size[0]
    y = high[1] - (np.arange(h) + 0.5) / h * size[1]
    centres = np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1).reshape(-1, 2)

    votes = min(VOTES, len(positions))
    # A tree cannot split samples at one position, and more than `votes` of them never count.
    rows = _at_most_per_position(positions, votes)
    tree = cKDTree(positions[rows])
    some = positions[rows[:: max(1, len(rows) // _SPACING_SAMPLES)]]
    spacing = float(np.median(tree.query(some, [votes], workers=-1)[0]))
    reach = float(np.clip(_SPACINGS * spacing, _MIN_REACH * longer, _MAX_REACH * longer))
    distances, nearest = tree.query(centres, [*range(1, votes + 1)], workers=-1)
    covered = distances[:, 0] <= reach
    nearest = np.where(covered[:, None], rows[nearest], -1).astype(np.int32)
    return PixelGrid(nearest.reshape(h, w, votes), covered.reshape(h, w))


def _at_most_per_position(positions: NDArray[np.floating], most: int) -> NDArray[np.intp]:
    """Rows of `positions` (n, 2), at most `most` with the same position."""
    order = np.lexsort(positions.T)
    changes = np.concatenate([[True], (np.diff(positions[order], axis=0) != 0).any(axis=1)])
    starts = np.flatnonzero(changes)
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return np.sort(order[rank < most])


def region_classes(grid: PixelGrid, predicted: NDArray[np.integer]) -> NDArray[np.int16]:
    """Class (h, w) by majority vote of each pixel's nearest samples, given their predictions (n,); −1 if uncovered.

    Ties go to the class of the nearest sample.
    """
    votes = np.asarray(predicted).astype(np.int16)[grid.nearest[grid.covered].T]
    classes = np.full(grid.covered.shape, -1, dtype=np.int16)
    counts = [(votes == vote).sum(axis=0, dtype=np.int8) for vote in votes]
    # `argmax` returns the first of equal counts, the nearest sample's.
    classes[grid.covered] = np.take_along_axis(votes, np.argmax(counts, axis=0)[None], axis=0)[0]
    return classes


def region_png(classes: NDArray[np.integer], colors: Sequence[str], opacity: float = 0.2) -> bytes:
    """Draw regions (h, w) as a PNG with a palette; pixels below 0 are transparent.

    Parameters
    ----------
    classes : ndarray of shape (h, w)
        Colour index of each pixel; colours repeat.
    colors : sequence of str
        1 to 255 colours as "#rrggbb".
    opacity : float
        From 0 to 1.

    Raises
    ------
    ImprintError
        If the number of colours or a colour is invalid.
    """
    if not 1 <= len(colors) <= _MAX_COLORS:
        raise ImprintError(f"{len(colors)} colours are out of range. Use 1 to {_MAX_COLORS} colours.")
    try:
        palette = b"".join(bytes.fromhex(color.removeprefix("#")) for color in colors)
    except ValueError:
        palette = b""
    if len(palette) != 3 * len(colors):
        raise ImprintError(f"Invalid colours: {', '.join(colors)}. Write colours as #rrggbb.")
    transparent = len(colors)
    picture = Image.fromarray(np.where(classes < 0, transparent, classes % transparent).astype(np.uint8))
    picture.putpalette(palette + b"\xff\xff\xff")
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=bytes([round(255 * opacity)] * transparent + [0]))
    return file.getvalue()
