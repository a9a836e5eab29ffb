"""Images in an `.npz` in Keras' layout."""

from __future__ import annotations

import io
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.arrays import StoredArray, npz_arrays
from imprint_core.datasets.decoding import MOST_PIXELS
from imprint_core.datasets.image_files import ImageFile, ImageListing, Split
from imprint_core.datasets.labels import check_label_count, number_classes, read_labels, read_names
from imprint_core.errors import ImprintError

MOST_IMAGES = 2_000_000

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_NAMES = ("classes", "class_names")
_SPLITS: tuple[Split, ...] = ("train", "test")


def images_in_keras_npz(file: BinaryIO) -> ImageListing:
    """Read the images in an `.npz` of `x_train, y_train, x_test, y_test`, optionally `classes` or `class_names`.

    Pixels are uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3); labels are whole numbers or text (n,) or (n, 1), or
    one-hot (n, C). Names are those of the labels 0 … C-1. Raises an `ImprintError` if the file is damaged, too
    large, or has another layout.
    """
    arrays, _ = npz_arrays(file, (*_KEYS, *_NAMES))
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
    names = next((read_names(arrays[key]) for key in _NAMES if key in arrays), None)
    codes, class_names = number_classes([read_labels(arrays[f"y_{split}"]) for split in _SPLITS], names)
    images = []
    for split, numbers in zip(_SPLITS, codes, strict=True):
        name = arrays[f"x_{split}"].name
        x = arrays[f"x_{split}"].read()
        x = x[..., 0] if x.shape[3:] == (1,) else x
        images += [
            ImageFile(class_names[c], split, f"{name}[{i}]", partial(_png, x, i), partial(_image, x, i))
            for i, c in enumerate(numbers)
        ]
    return ImageListing(images, class_names)


def _image(x: NDArray[np.uint8], i: int) -> Image.Image:
    return Image.fromarray(x[i])


def _png(x: NDArray[np.uint8], i: int) -> bytes:
    out = io.BytesIO()
    _image(x, i).save(out, "PNG")
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
    check_label_count(x, y, "image")
