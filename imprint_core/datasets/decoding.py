"""Decode image files for FMs: upright, 8 bits, grey or RGB, opaque."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from imprint_core.errors import ImprintError

MOST_PIXELS = 64_000_000
"""An image that declares more pixels is refused before it is decoded; 64 megapixels in RGB are 192 MB."""

LEAST_SIDE = 1024
"""Least pixels of the shorter side of a reduced image; no FM here takes half as many."""

MOST_FILE_BYTES = 64_000_000
"""A larger image file is not read."""

SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".avif"
)  # fmt: skip
_OTHER_SUFFIXES = (".heic", ".heif", ".jxl", ".jp2", ".dng", ".cr2", ".nef", ".arw", ".raw", ".psd", ".ico", ".tga")
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")

# Raised by Pillow's readers on damaged files; Pillow has no common exception for these.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


def has_image_name(name: str) -> bool:
    """Whether a file's name is that of an image, of a format that can be decoded or not."""
    return name.lower().endswith((*SUFFIXES, *_OTHER_SUFFIXES))


def is_image(data: bytes) -> bool:
    """Whether a file begins as an image that `decode` can read; the rest may be damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS):
            return True
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True
    except _DAMAGE:
        return False


def too_large_file() -> ImprintError:
    """Error for an image file that is not read."""
    return ImprintError(f"The file exceeds {MOST_FILE_BYTES // 10**6} MB; make the image smaller.")


def decode(source: bytes | Path) -> Image.Image:
    """Decode an image completely and safely.

    Parameters
    ----------
    source : bytes or Path
        Contents or path of a JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF.

    Returns
    -------
    PIL.Image.Image
        Mode "L" if the file is grey, else "RGB"; loaded, turned upright by its EXIF, the first of several frames, with
        transparent pixels on white. An image much larger than any FM needs is reduced by a whole factor, its shorter
        side at least `LEAST_SIDE`.

    Raises
    ------
    ImprintError
        If the file is missing, damaged, of another format, or larger than `MOST_PIXELS`.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        raise ImprintError(f"The image can't be opened ({error.strerror}). Check its path.") from error
    with file:
        try:
            image = Image.open(file, formats=_FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large() from error
        except _DAMAGE as error:
            raise ImprintError(
                "The file is not a readable JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF image. Save it as one of "
                "these."
            ) from error
        if image.width * image.height > MOST_PIXELS:
            raise _too_large()
        # The scaling of the JPEG decoder averages blocks, by the same factor on both axes, and keeps the EXIF, so
        # turning upright afterwards gives the same image. Other formats ignore the request.
        factor = max(1, min(image.size) // LEAST_SIDE)
        try:
            image.draft(None, (image.width // factor, image.height // factor))
            image.load()
        except Image.DecompressionBombError as error:
            raise _too_large() from error
        except _DAMAGE as error:
            raise ImprintError("The image is damaged or incomplete. Save or copy it again.") from error
        # An image with damaged EXIF counts as upright.
        with suppress(*_DAMAGE):
            ImageOps.exif_transpose(image, in_place=True)
        opaque = _opaque(image)
    factor = min(opaque.size) // LEAST_SIDE
    return opaque.reduce(factor) if factor > 1 else opaque


def _too_large() -> ImprintError:
    return ImprintError(f"The image has more than {MOST_PIXELS // 10**6} million pixels. Reduce its size.")


def _opaque(image: Image.Image) -> Image.Image:
    """Convert to "L" where `image` is grey, else to "RGB", on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(image)))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        # The same conversion handles premultiplied modes.
        image = image.convert("LA" if grey else "RGBA")
        white = Image.new("L" if grey else "RGB", image.size, "white")
        white.paste(image.convert(white.mode), mask=image.getchannel("A"))
        return white
    if image.mode == "LAB":
        raise ImprintError("LAB colours are not supported. Save the image as RGB.")
    return image.convert("L" if grey else "RGB")


def _to_8_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale pixels of 16 or 32 bits or floats to 0 … 255, where Pillow would clip them.

    Where possible the scale depends on the type of the values only, so that all images of a dataset have the same
    brightness: 16 bits are divided by 257 (65535 = 257 · 255), floats within 0 … 1 are multiplied by 255, other
    floats within 0 … 255 are rounded. Other images are stretched between their own extremes.
    """
    floats = values.dtype.kind == "f"
    if floats:
        # Limited so that 255 times a value is still finite.
        values = np.nan_to_num(values, posinf=0, neginf=0).clip(-1e30, 1e30)
    low, high = float(values.min()), float(values.max())
    full = 1.0 if floats else 65535.0
    if low >= 0 and high <= full:
        low = 0.0
    elif low >= 0 and high <= 255:
        low, full = 0.0, 255.0
    else:
        full = high - low or 1.0
    scaled = np.empty(values.shape, np.uint8)
    # About a million pixels at a time: a float32 copy would take four times the memory of the image.
    step = max(1, 2**20 // values.shape[1])
    for i in range(0, len(values), step):
        scaled[i : i + step] = np.rint((values[i : i + step].astype(np.float32) - low) * 255 / full)
    return scaled
