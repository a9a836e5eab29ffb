"""Enlarge an image and crop the result, computing only the crop.

The steps and roundings are those of Pillow (`src/libImaging/Resample.c`), so the pixels are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Bits of Pillow's integer weights after the point.
_BITS = 22


def _bilinear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(1 - np.abs(x), 0)


def _bicubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, (((x - 5) * x + 8) * x - 4) * -0.5, 0))


_KERNELS: dict[Image.Resampling, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], int]] = {
    Image.Resampling.BILINEAR: (_bilinear, 1),
    Image.Resampling.BICUBIC: (_bicubic, 2),
}
"""By method: the kernel, and the distance from which it is 0."""


def enlarge_and_crop(
    image: Image.Image, size: tuple[int, int], corners: tuple[int, int, int, int], resample: Image.Resampling
) -> Image.Image:
    """Give the pixels of `image.resize(size, resample).crop(corners)`, in memory that does not depend on `size`.

    `size` is at least that of the image, and the corners are inside it.
    """
    left, right, horizontal = _weights(image.width, size[0], corners[0], corners[2], resample)
    upper, lower, vertical = _weights(image.height, size[1], corners[1], corners[3], resample)
    pixels = np.asarray(image.crop((left, upper, right, lower)))
    for axis, weights in ((1, horizontal), (0, vertical)):
        # Integers below 2^53, so the sums are exact in any order.
        sums = np.moveaxis(np.tensordot(weights, pixels, (1, axis)), 0, axis)
        pixels = np.clip(np.floor(sums / 2**_BITS + 0.5), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def _weights(
    length: int, size: int, start: int, stop: int, resample: Image.Resampling
) -> tuple[int, int, NDArray[np.float64]]:
    """Weights of input pixels in the outputs from `start` to `stop`, where `length` pixels are enlarged to `size`.

    Returns the first of these input pixels, their end, and their weights as integers (outputs, inputs).
    """
    kernel, support = _KERNELS[resample]
    centers = (np.arange(start, stop) + 0.5) * (length / size)
    first = max(int(centers[0] - support), 0)
    end = min(int(centers[-1] + support) + 1, length)
    weights = kernel(np.arange(first, end) - centers[:, None] + 0.5)
    weights = weights / weights.sum(axis=1, keepdims=True) * 2**_BITS
    return first, end, np.trunc(weights + np.copysign(0.5, weights))
