"""Thumbnails of images."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image

SMALL = 32
"""Images up to this edge are displayed without smoothing."""


def thumbnail(image: Image.Image, edge: int = 96, gap: int = 0) -> Image.Image:
    """Fit an image into a square of `edge` pixels; small ones are enlarged without blurring.

    With a gap, the image is centred in a transparent square wider by `gap` pixels, so that adjacent thumbnails are
    separated.
    """
    width, height = image.size
    scale = edge / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = image.convert("RGB").resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
    if not gap:
        return small
    framed = Image.new("RGBA", (edge + gap, edge + gap))
    framed.paste(small, ((edge - size[0]) // 2, (edge - size[1]) // 2))
    return framed


def compressed(image: Image.Image, edge: int) -> tuple[str, bytes]:
    """Encode an image, reduced to at most `edge` pixels; return its format and its bytes.

    The format is "png" or "jpeg", whichever is smaller: PNG for drawn digits, JPEG for photographs.
    """
    small = image if max(image.size) <= edge else thumbnail(image, edge)
    # Grey images stay grey; a PNG of them needs a third of the bytes.
    small = small.convert("L" if image.mode == "L" else "RGB")
    return _encode(small.mode, small.size, small.tobytes())


@lru_cache(maxsize=1024)
def _encode(mode: str, size: tuple[int, int], pixels: bytes) -> tuple[str, bytes]:
    image = Image.frombytes(mode, size, pixels)
    # Enlarged pixels would make JPEG's blocks and coarser colours visible.
    jpeg = {"quality": 90, "subsampling": 0} if max(size) <= SMALL else {"quality": 80}
    files = {}
    for kind, options in (("png", {}), ("jpeg", jpeg)):
        file = io.BytesIO()
        image.save(file, kind, optimize=True, **options)
        files[kind] = file.getvalue()
    kind = min(files, key=lambda k: len(files[k]))
    return kind, files[kind]
