"""Drawings as images of MNIST, so that its proxies can classify them."""

from __future__ import annotations

import numpy as np
from PIL import Image

EDGE, BOX = 28, 20
"""Width and height of MNIST's images, and of the square that its digits fill, in pixels."""
# Of 255: darker pixels are noise of the compression.
_INK = 64


def mnist_image(drawing: Image.Image) -> Image.Image:
    """Convert white strokes on black as MNIST was created (LeCun et al., 1998).

    The strokes are scaled to a square of 20 pixels, with their proportions, and placed with the centre of mass of their
    pixels in the middle of 28 × 28 pixels. A drawing without strokes becomes black.
    """
    grey = drawing.convert("L")
    rows, columns = np.nonzero(np.asarray(grey) >= _INK)
    frame = Image.new("L", (EDGE, EDGE))
    if not len(rows):
        return frame
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    scale = BOX / max(right - left, bottom - top)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    box = (int(left), int(top), int(right), int(bottom))
    digit = grey.resize(size, Image.Resampling.LANCZOS, box=box)
    ink = np.asarray(digit, dtype=float)
    offsets = []
    for axis, length in enumerate(size):
        mass = ink.sum(axis=axis)
        centre = float(mass @ (np.arange(length) + 0.5)) / max(mass.sum(), 1e-9)
        offsets.append(min(max(round(EDGE / 2 - centre), 0), EDGE - length))
    frame.paste(digit, (offsets[0], offsets[1]))
    return frame
