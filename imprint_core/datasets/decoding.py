"""One image file in, pixels as the FMs take them out: upright, 8 bit, grey or RGB, nothing see-through."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from imprint_core.errors import ImprintError

MOST_PIXELS = 64_000_000
"""An image that declares more is refused before any is decoded; 64 megapixels in RGB are 192 MB."""

LEAST_SIDE = 1024
"""A JPEG is never decoded to fewer pixels than this on its shorter side; no FM here takes half as many."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

# What Pillow's readers raise on damaged files; it has no exception of its own for that.
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

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(source: bytes | Path) -> Image.Image:
    """Decode an image, wholly and safely.

    Parameters
    ----------
    source : bytes or Path
        A JPEG, PNG, WebP, GIF, BMP, TIFF or PPM, whole or as a file.

    Returns
    -------
    PIL.Image.Image
        Mode "L" if the file is grey, else "RGB"; loaded, upright as its EXIF says, the first frame
        if there are more, what is transparent laid over white. A JPEG much larger than any FM
        takes comes at a half, a quarter or an eighth, its shorter side at least `LEAST_SIDE`.

    Raises
    ------
    ImprintError
        If it is missing, of another format, larger than `MOST_PIXELS`, or damaged.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        raise ImprintError(f"The image can't be opened ({error.strerror}); put it where it is expected.") from error
    with file:
        try:
            image = Image.open(file, formats=_FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large() from error
        except _DAMAGE as error:
            raise ImprintError(
                "The file is not a readable JPEG, PNG, WebP, GIF, BMP, TIFF or PPM image; save it anew as one of these."
            ) from error
        if image.width * image.height > MOST_PIXELS:
            raise _too_large()
        # JPEG's own scaling averages whole blocks, by the same factor on both axes, and leaves the
        # EXIF alone: turning upright afterwards gives what turning first would have given. The
        # formats without it read the request and ignore it.
        factor = max(1, min(image.size) // LEAST_SIDE)
        try:
            image.draft(None, (image.width // factor, image.height // factor))
            image.load()
        except Image.DecompressionBombError as error:
            raise _too_large() from error
        except _DAMAGE as error:
            raise ImprintError("The image is damaged or breaks off; save or copy it anew.") from error
        plain, method = _plain(image), _UPRIGHT.get(_orientation(image))
        return plain if method is None else plain.transpose(method)


def _too_large() -> ImprintError:
    return ImprintError(f"The image has more than {MOST_PIXELS // 10**6} million pixels; make it smaller.")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation; 1 (upright) where the EXIF is absent or damaged, for the pixels are not."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1


def _plain(image: Image.Image) -> Image.Image:
    """Pixels in "L" where `image` is grey, else "RGB", over white."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(image)))
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        # Premultiplied modes are told back into ordinary ones by the same conversion.
        image = image.convert("LA" if grey else "RGBA")
        white = Image.new("L" if grey else "RGB", image.size, "white")
        white.paste(image.convert(white.mode), mask=image.getchannel("A"))
        return white
    if image.mode == "LAB":
        raise ImprintError("The image keeps its colours as LAB, which is not read here; save it as RGB.")
    return image.convert("L" if grey else "RGB")


def _to_8_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale pixels of 16 or 32 bits or floats to 0 … 255; Pillow would clip them there.

    The scale is fixed where the kind of value tells it, so that one image of a set isn't brightened
    against another: 16 bits are divided by 257 (65535 = 257 · 255), floats within 0 … 1 are
    multiplied by 255, other floats within 0 … 255 rounded. The rest is stretched between its own
    extremes.
    """
    floats = values.dtype.kind == "f"
    if floats:
        # Nothing is known of the rest; 255 times what is left still fits.
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
    # About a million at a time: all of them in float32 would be four times the image.
    step = max(1, 2**20 // values.shape[1])
    for i in range(0, len(values), step):
        scaled[i : i + step] = np.rint((values[i : i + step].astype(np.float32) - low) * 255 / full)
    return scaled
