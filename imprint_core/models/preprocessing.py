"""Preprocessing of images for an FM: exactly the library's transform, at a fraction of its cost.

Nearly every transform resizes the shorter edge, crops the centre and normalizes the channels. This module resizes with
Pillow as the libraries do, but keeps grey images at one channel, and normalizes a batch at a time. The result is
identical to the last bit (tests check it); on small images the library's transform takes several times as long. Memory
is bounded at every aspect ratio, where the library would enlarge an image of 1 × 8,000 pixels to 256 × 2,048,000.
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

from imprint_core.models.resampling import enlarge_and_crop

# Above this aspect ratio, only the crop of an enlarged image is computed; all of it may need gigabytes.
_ELONGATED = 8

# For transforms of unknown steps: the aspect ratio above which images are shortened, the longest shorter edge of such
# images (longer ones are hardly enlarged), and the longest edge of images that a transform needs completely.
_LONGEST_RATIO, _SHORTER_EDGE, _LONGER_EDGE = 32, 256, 8192


@dataclass(frozen=True)
class Preprocessing:
    """A library's transform from a PIL image in RGB to a tensor (3, h, w).

    `text` is its representation in the sidecars of embedding sets. `steps` is None if it has other steps than these.
    """

    transform: Callable[[Any], Tensor]
    text: str
    steps: ResizeCropNormalize | None

    def prepare(self, images: Sequence[Image.Image]) -> Tensor:
        """Make a batch of PIL images (L or RGB): (b, h, w, 3) uint8 if `steps` is set, else (b, 3, h, w)."""
        if self.steps is None:
            return torch.stack([self.transform(self._shorten(image).convert("RGB")) for image in images])
        return torch.from_numpy(self.steps.pixels(images))

    def _shorten(self, image: Image.Image) -> Image.Image:
        """Shorten an elongated image, which the transform might enlarge to gigabytes before it crops the centre."""
        shorter, longer = sorted(image.size)
        # An even multiple of the shorter edge at each end is an even number of pixels of a resized image, so that the
        # corners of its crop are rounded as without the cut.
        cut = (longer // shorter - _LONGEST_RATIO) // 4 * 2 * shorter
        if cut <= 0 or shorter > _SHORTER_EDGE:
            return image
        wide = image.width == longer
        if self._ignores_ends(shorter, wide):
            return image.crop(_without_ends(image.size, cut, wide))
        factor = -(-longer // _LONGER_EDGE)
        return image.reduce((factor, 1) if wide else (1, factor))

    def _ignores_ends(self, shorter: int, wide: bool) -> bool:
        """Whether the transform of an elongated image with this shorter edge depends on its centre only."""
        longer = 2 * _LONGEST_RATIO * shorter
        size = (longer, shorter) if wide else (shorter, longer)
        black, ends = (Image.new("RGB", size, colour) for colour in ("black", "white"))
        ends.paste("black", _without_ends(size, longer // 4, wide))
        return torch.equal(self.transform(ends), self.transform(black))

    def finish(self, batch: Tensor) -> Tensor:
        """Normalize a batch of `prepare` on its device: (b, 3, h, w) float32, channels last."""
        if self.steps is None:
            return batch.contiguous(memory_format=torch.channels_last)
        # A row of pixels at a time: broadcasting three numbers takes four times as long.
        size, width = batch.shape, batch.shape[2]
        mean, std = (torch.tensor(v * width, device=batch.device) for v in (self.steps.mean, self.steps.std))
        rows = batch.reshape(*size[:2], -1)
        # The same order of rounding as in the libraries.
        scaled: Tensor = rows.to(torch.float32).div_(255).sub_(mean).div_(std)
        return scaled.reshape(size).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class ResizeCropNormalize:
    """Resize the shorter edge, crop the centre, normalize the three channels of values in 0 … 1 by mean and std."""

    resize: int
    crop: int
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def pixels(self, images: Sequence[Image.Image]) -> NDArray[np.uint8]:
        """Resize and crop images in L or RGB: (b, crop, crop, 3)."""
        batch = np.empty((len(images), self.crop, self.crop, 3), dtype=np.uint8)
        for target, image in zip(batch, images, strict=True):
            crop = np.asarray(self._resize_and_crop(image))
            target[:] = crop if crop.ndim == 3 else crop[:, :, None]
        return batch

    def _resize_and_crop(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        longer = int(self.resize * max(width, height) / min(width, height))
        size = (self.resize, longer) if width <= height else (longer, self.resize)
        # Python's rounding, as in torchvision.
        left, top = (round((edge - self.crop) / 2) for edge in size)
        corners = (left, top, left + self.crop, top + self.crop)
        if size == image.size:
            return image.crop(corners)
        step = width / self.resize
        if width == height and float(np.float32(left * step)) == left * step and float(np.float32(step)) == step:
            # Where the box is exact in 32 bits, as Pillow stores it, resizing the box gives the same pixels as cropping
            # the resized image, with a quarter less work on the small square images of most datasets.
            box = (left * step, top * step, corners[2] * step, corners[3] * step)
            return image.resize((self.crop, self.crop), self.resample, box=box)
        if min(image.size) < self.resize and longer > _ELONGATED * self.resize:
            return enlarge_and_crop(image, size, corners, self.resample)
        return image.resize(size, self.resample).crop(corners)


def _without_ends(size: tuple[int, int], cut: int, wide: bool) -> tuple[int, int, int, int]:
    width, height = size
    return (cut, 0, width - cut, height) if wide else (0, cut, width, height - cut)


def preprocessing(transform: Any) -> Preprocessing:
    """Wrap the transform of a library, and recognize its steps."""
    steps = _recognize_steps(transform)
    # A crop larger than the resized image is padded by the library.
    fits = steps is not None and steps.crop <= steps.resize
    return Preprocessing(transform, " ".join(repr(transform).split()), steps if fits else None)


def _recognize_steps(transform: Any) -> ResizeCropNormalize | None:
    from torchvision.transforms import CenterCrop, InterpolationMode, Normalize, Resize
    from torchvision.transforms._presets import ImageClassification

    resamplings = {
        InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
        InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    }

    def recognized(resize: Any, crop: Any, interpolation: Any, mean: Any, std: Any) -> ResizeCropNormalize | None:
        edges, crops = np.unique(resize), np.unique(crop)
        if np.size(resize) > 1 or len(crops) > 1 or interpolation not in resamplings:
            return None
        values = (tuple(float(v) for v in channel) for channel in (mean, std))
        return ResizeCropNormalize(int(edges[0]), int(crops[0]), resamplings[interpolation], *values)

    if isinstance(transform, ImageClassification):
        t = transform
        return recognized(t.resize_size, t.crop_size, t.interpolation, t.mean, t.std)
    steps = list(getattr(transform, "transforms", ()))
    if [type(step).__name__ for step in steps] != ["Resize", "CenterCrop", "MaybeToTensor", "Normalize"]:
        return None
    resize, crop, _, normalise = steps
    if not (isinstance(resize, Resize) and isinstance(crop, CenterCrop) and isinstance(normalise, Normalize)):
        return None
    return recognized(resize.size, crop.size, resize.interpolation, normalise.mean, normalise.std)
