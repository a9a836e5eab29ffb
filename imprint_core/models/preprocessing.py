"""What an FM is fed: its library's own transform, exactly, at a fraction of the cost.

Nearly every transform is: shorter edge resized, centre cut out, channels scaled. Images that are
resized by Pillow as the libraries do, while grey ones have one channel, and scaled a batch at a
time, give the same numbers to the last bit (a test holds it); on small images the library's way
takes several times as long as that, of a processor that the FM needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Preprocessing:
    """A library's transform.

    Attributes
    ----------
    transform : callable
        The library's own: maps a PIL image in RGB to (3, h, w).
    text : str
        It in words.
    plain : Plain or None
        Its parts, where it has no others.
    """

    transform: Callable[[Any], Tensor]
    text: str
    plain: Plain | None

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        """Make a batch of PIL images (L or RGB): (b, h, w, 3) uint8 where plain, else (b, 3, h, w)."""
        if self.plain is None:
            return torch.stack([self.transform(image.convert("RGB")) for image in images])
        return torch.from_numpy(self.plain.pixels(images))

    def finish(self, batch: Tensor) -> Tensor:
        """Scale what `prepare` gave, on whatever device it is: (b, 3, h, w) float32, channels last."""
        if self.plain is None:
            return batch.contiguous(memory_format=torch.channels_last)
        # A whole row of pixels at a time: three numbers that repeat themselves take four times as long.
        size, width = batch.shape, batch.shape[2]
        mean, std = (torch.tensor(v * width, device=batch.device) for v in (self.plain.mean, self.plain.std))
        rows = batch.reshape(*size[:2], -1)
        # In the order in which the libraries round.
        scaled: Tensor = rows.to(torch.float32).div_(255).sub_(mean).div_(std)
        return scaled.reshape(size).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Plain:
    """Resize, centre crop, normalise.

    Attributes
    ----------
    resize, crop : int
        Length of the shorter edge after resizing; edge of the square cut out of the middle.
    resample : PIL.Image.Resampling
    mean, std : tuple of float
        Of the three channels, at values of 0 … 1.
    """

    resize: int
    crop: int
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def pixels(self, images: Sequence[Image.Image]) -> NDArray[np.uint8]:
        """Resize and crop images in L or RGB: (b, crop, crop, 3)."""
        batch = np.empty((len(images), self.crop, self.crop, 3), dtype=np.uint8)
        for place, image in zip(batch, images, strict=True):
            cut = np.asarray(self._cut(image))
            place[:] = cut if cut.ndim == 3 else cut[:, :, None]
        return batch

    def _cut(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        longer = int(self.resize * max(width, height) / min(width, height))
        size = (self.resize, longer) if width <= height else (longer, self.resize)
        # Python's rounding, as torchvision's.
        left, top = (round((edge - self.crop) / 2) for edge in size)
        corners = (left, top, left + self.crop, top + self.crop)
        if size == image.size:
            return image.crop(corners)
        step = width / self.resize
        if width == height and float(np.float32(left * step)) == left * step and float(np.float32(step)) == step:
            # Where Pillow, which keeps a box in 32 bits, rounds nothing, only what is kept needs resizing: a quarter
            # less work on the small square images of most datasets.
            box = (left * step, top * step, corners[2] * step, corners[3] * step)
            return image.resize((self.crop, self.crop), self.resample, box=box)
        return image.resize(size, self.resample).crop(corners)


def preprocessing(transform: Any) -> Preprocessing:
    """Take a transform of torchvision or timm to pieces, where it has those that are known."""
    parts = _parts(transform)
    # A crop larger than what it is cut from is padded; that is left to the library.
    plain = parts if parts is not None and parts.crop <= parts.resize else None
    return Preprocessing(transform, " ".join(repr(transform).split()), plain)


def _parts(transform: Any) -> Plain | None:
    from torchvision.transforms import CenterCrop, InterpolationMode, Normalize, Resize
    from torchvision.transforms._presets import ImageClassification

    resamplings = {
        InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
        InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    }

    def plain(resize: Any, crop: Any, interpolation: Any, mean: Any, std: Any) -> Plain | None:
        edges, cut = np.unique(resize), np.unique(crop)
        if np.size(resize) > 1 or len(cut) > 1 or interpolation not in resamplings:
            return None
        values = (tuple(float(v) for v in channel) for channel in (mean, std))
        return Plain(int(edges[0]), int(cut[0]), resamplings[interpolation], *values)

    if isinstance(transform, ImageClassification):
        t = transform
        return plain(t.resize_size, t.crop_size, t.interpolation, t.mean, t.std)
    steps = list(getattr(transform, "transforms", ()))
    if [type(step).__name__ for step in steps] != ["Resize", "CenterCrop", "MaybeToTensor", "Normalize"]:
        return None
    resize, crop, _, normalise = steps
    if not (isinstance(resize, Resize) and isinstance(crop, CenterCrop) and isinstance(normalise, Normalize)):
        return None
    return plain(resize.size, crop.size, resize.interpolation, normalise.mean, normalise.std)
