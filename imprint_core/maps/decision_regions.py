"""Decision regions on a 2-D map: each pixel takes the class that the samples around it are predicted to be.

A map has no way back to the embeddings' space, so the regions are those of the samples shown, and blank where
there are none.
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

# Samples that a pixel asks: few enough to follow a boundary, enough for one stray sample to make no island.
ASKED = 5
# How near a sample must be for a pixel to say something: this many times the samples' own spacing, but neither less
# nor more than these shares of the map's longer side. Dense maps so have no holes, and a handful of samples no wide
# plains around them.
_SPACINGS = 3.0
_LEAST, _MOST = 0.015, 0.06
# Samples whose spacing is looked up.
_SPACED = 2000
# A palette has 256 entries, and one is for blank.
_MOST_COLORS = 255


@dataclass(frozen=True)
class Grid:
    """What a map's pixels are near. It depends on the map alone, not on the recipe.

    Attributes
    ----------
    nearest : ndarray of shape (h, w, s), int32
        The samples nearest to each pixel on the map, nearest first; −1 where none is near. Row 0 is the top.
    near : ndarray of shape (h, w), bool
        Whether any is near enough for the pixel to say something.
    """

    nearest: NDArray[np.int32]
    near: NDArray[np.bool_]


def grid_of(positions: NDArray[np.floating], extent: tuple[ArrayLike, ArrayLike], pixels: int = 160) -> Grid:
    """Find the samples near each pixel.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
        Of the samples on the map.
    extent : (low, high)
        Corners (2,) of the map, which its pixels fill.
    pixels : int
        Along the longer side; along the other as many as make them square, at least one.

    Raises
    ------
    ImprintError
        If there is no sample, or a number is missing or out of place.
    """
    positions = np.asarray(positions, dtype=np.float64)
    low, high = (np.asarray(corner, dtype=np.float64) for corner in extent)
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions) or not np.isfinite(positions).all():
        raise ImprintError(
            f"Positions of the shape {positions.shape} are no map: it takes (n, 2) finite numbers, n ≥ 1."
        )
    size = high - low
    if size.shape != (2,) or not np.isfinite(size).all() or (size < 0).any():
        raise ImprintError(f"A map can't reach from {low} to {high}; these are its lower left and upper right corners.")
    if pixels < 1:
        raise ImprintError(f"{pixels} pixels are no picture; it takes at least 1.")
    longer = float(size.max())
    w, h = (max(1, round(pixels * side / longer)) if longer else 1 for side in size.tolist())
    x = low[0] + (np.arange(w) + 0.5) / w * size[0]
    y = high[1] - (np.arange(h) + 0.5) / h * size[1]
    centres = np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1).reshape(-1, 2)

    asked = min(ASKED, len(positions))
    # Of samples at one place more than are asked never count, and a tree can't split them.
    kept = _few_of_each(positions, asked)
    tree = cKDTree(positions[kept])
    some = positions[kept[:: max(1, len(kept) // _SPACED)]]
    spacing = float(np.median(tree.query(some, [asked], workers=-1)[0]))
    reach = float(np.clip(_SPACINGS * spacing, _LEAST * longer, _MOST * longer))
    # Most of a map is void, where a search without a bound takes longest; a map of one point has none to give.
    near = tree.query(centres, distance_upper_bound=2 * reach or np.inf, workers=-1)[0] <= reach
    nearest = np.full((len(centres), asked), -1, dtype=np.int32)
    nearest[near] = kept[tree.query(centres[near], [*range(1, asked + 1)], workers=-1)[1]]
    return Grid(nearest.reshape(h, w, asked), near.reshape(h, w))


def _few_of_each(positions: NDArray[np.floating], most: int) -> NDArray[np.intp]:
    """Rows of `positions` (n, 2) without those that come after as many as `most` at the very same place."""
    order = np.lexsort(positions.T)
    begins = np.concatenate([[True], (np.diff(positions[order], axis=0) != 0).any(axis=1)])
    starts = np.flatnonzero(begins)
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return np.sort(order[place < most])


def region_classes(grid: Grid, predicted: NDArray[np.integer]) -> NDArray[np.int16]:
    """The class (h, w) that most of each pixel's nearest samples are predicted (n,) to be; −1 where none is near.

    Of classes with equally many, the one with the nearest sample is taken.
    """
    votes = np.asarray(predicted).astype(np.int16)[grid.nearest[grid.near].T]
    classes = np.full(grid.near.shape, -1, dtype=np.int16)
    counts = [(votes == own).sum(axis=0, dtype=np.int8) for own in votes]
    # `argmax` takes the first of equal counts, which is the nearest sample's.
    classes[grid.near] = np.take_along_axis(votes, np.argmax(counts, axis=0)[None], axis=0)[0]
    return classes


def region_png(classes: NDArray[np.integer], colors: Sequence[str], opacity: float = 0.2) -> bytes:
    """Picture of regions (h, w) as a PNG with a palette; blank pixels (below 0) are transparent.

    Parameters
    ----------
    classes : ndarray of shape (h, w)
        Which colour each pixel gets; numbers beyond the colours begin with the first again.
    colors : sequence of str
        As "#rrggbb", at most 255.
    opacity : float
        Of the regions, 0 to 1.

    Raises
    ------
    ImprintError
        If there are no colours or too many, or one is no colour.
    """
    if not 1 <= len(colors) <= _MOST_COLORS:
        raise ImprintError(f"A picture of regions takes 1 to {_MOST_COLORS} colours, not {len(colors)}.")
    try:
        palette = b"".join(bytes.fromhex(color.removeprefix("#")) for color in colors)
    except ValueError:
        palette = b""
    if len(palette) != 3 * len(colors):
        raise ImprintError(f"Colours are written as #rrggbb; these are not: {', '.join(colors)}.")
    blank = len(colors)
    picture = Image.fromarray(np.where(classes < 0, blank, classes % blank).astype(np.uint8))
    picture.putpalette(palette + b"\xff\xff\xff")
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=bytes([round(255 * opacity)] * blank + [0]))
    return file.getvalue()
