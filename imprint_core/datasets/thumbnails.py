"""Thumbnails of images."""

from __future__ import annotations

from PIL import Image


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
