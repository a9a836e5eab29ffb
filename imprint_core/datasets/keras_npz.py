"""Images in an `.npz` in Keras' layout, converted one by one to PNG files."""

from __future__ import annotations

import io
import math
from functools import partial
from typing import IO, BinaryIO

import numpy as np
from PIL import Image

from imprint_core.datasets.arrays import StoredArray, npz_arrays, read_exactly
from imprint_core.datasets.decoding import MOST_PIXELS
from imprint_core.datasets.image_files import ImageFile, Split
from imprint_core.datasets.labels import check_label_count, number_classes, read_labels
from imprint_core.errors import ImprintError

MOST_IMAGES = 200_000

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_SPLITS: tuple[Split, ...] = ("train", "test")


def images_in_keras_npz(file: BinaryIO) -> list[ImageFile]:
    """List the images in an `.npz` of `x_train, y_train, x_test, y_test`, which must stay open while they are read.

    Pixels are uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3), labels whole numbers or text (n,) or (n, 1). Reading in
    the file's order is fast; going back unpacks the array again. Raises an `ImprintError` if the file is damaged, too
    large, or has another layout.
    """
    arrays = npz_arrays(file, _KEYS)
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise ImprintError(
            f"The npz has no {', '.join(missing)}; images need x_train, y_train, x_test and y_test. If these are "
            "embeddings, upload them as embeddings."
        )
    for split in _SPLITS:
        _check(arrays[f"x_{split}"], arrays[f"y_{split}"])
    if sum(arrays[f"x_{split}"].shape[0] for split in _SPLITS) > MOST_IMAGES:
        raise ImprintError(f"The npz has more than {MOST_IMAGES:,} images; save fewer.")
    codes, names = number_classes([read_labels(arrays[f"y_{split}"]) for split in _SPLITS])
    images = []
    for split, numbers in zip(_SPLITS, codes, strict=True):
        x = arrays[f"x_{split}"]
        # The checksum is at the end of an array, so the array is read once before any image is converted.
        for _ in x.blocks():
            pass
        reader = _PngReader(x)
        images += [ImageFile(names[c], split, f"{x.name}[{i}]", partial(reader.png, i)) for i, c in enumerate(numbers)]
    return images


class _PngReader:
    """Converts the images of an array to PNG files, fastest in order."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._shape = array.shape[1:3] if array.shape[3:] == (1,) else array.shape[1:]
        self._size = math.prod(self._shape)
        self._stream: IO[bytes] | None = None
        self._next = 0

    def png(self, i: int) -> bytes:
        if self._stream is None or i < self._next:
            self._stream, self._next = self._array.open(), 0
        while self._next <= i:
            data = read_exactly(self._stream, self._size, self._array.name)
            self._next += 1
        out = io.BytesIO()
        Image.fromarray(np.frombuffer(data, np.uint8).reshape(self._shape)).save(out, "PNG")
        return out.getvalue()


def _check(x: StoredArray, y: StoredArray) -> None:
    shape = x.shape
    if x.dtype != np.uint8 or not (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))) or 0 in shape:
        raise ImprintError(
            f"'{x.name}' is {x.dtype} of shape {shape}; images must be uint8, of shape (n, h, w) or (n, h, w, 3)."
        )
    if shape[1] * shape[2] > MOST_PIXELS:
        raise ImprintError(
            f"The images in '{x.name}' have more than {MOST_PIXELS // 10**6} million pixels each; save smaller ones."
        )
    if x.fortran:
        raise ImprintError(f"'{x.name}' is stored in column order; save numpy.ascontiguousarray of it.")
    check_label_count(x, y, "image")
