"""Recorded frames: objects in photographs as a moving camera would show them, for machines without a camera.

A frame is a square of a photograph that moves, turns, and changes its size and brightness. The same path is drawn by
the script of the app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from imprint_core.collapse.class_statistics import class_statistics
from imprint_core.collapse.measures import nc1_per_class
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array
from imprint_core.framework.recipe import Recipe
from imprint_core.paths import bundled_folder
from imprint_core.registry import Entry

FRAMES = 20
"""Frames of each object; after the last one follows the first one."""
EDGE = 256
"""Their width and height in pixels."""
# Largest turn in degrees, and largest change of the brightness.
_TURN, _LIGHT = 12.0, 0.3


@dataclass(frozen=True)
class RecordedObject(Entry):
    """An entry of the table of recorded objects.

    Attributes
    ----------
    photograph : str
        File in `bundled/photographs`.
    centre : tuple of float
        Where the object is, in pixels of the photograph.
    edges : tuple of float
        Smallest and largest width of the square.
    shift : float
        Largest movement of the square in either direction.
    """

    photograph: str
    centre: tuple[float, float]
    edges: tuple[float, float]
    shift: float

    @property
    def file(self) -> Path:
        """The photograph."""
        return bundled_folder() / "photographs" / self.photograph

    def path(self) -> NDArray[np.float64]:
        """Centre x and y, width, angle in degrees and brightness of each frame, (FRAMES, 5)."""
        t = 2 * np.pi * np.arange(FRAMES) / FRAMES
        low, high = self.edges
        return np.stack(
            [
                self.centre[0] + self.shift * np.sin(2 * t),
                self.centre[1] + self.shift * np.cos(3 * t),
                low + (high - low) * (1 + np.sin(t)) / 2,
                _TURN * np.cos(2 * t),
                1 + _LIGHT * np.sin(5 * t),
            ],
            axis=1,
        )

    def frames(self) -> list[Image.Image]:
        """Cut the frames from the photograph."""
        with Image.open(self.file) as file:
            photograph = file.convert("RGB")
        return [_cut(photograph, *values) for values in self.path().tolist()]


def _cut(photograph: Image.Image, x: float, y: float, edge: float, angle: float, brightness: float) -> Image.Image:
    scale = edge / EDGE
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    # From pixels of the frame to those of the photograph.
    matrix = (cos, -sin, x - (cos - sin) * EDGE / 2, sin, cos, y - (sin + cos) * EDGE / 2)
    frame = photograph.transform((EDGE, EDGE), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return ImageEnhance.Brightness(frame).enhance(brightness)


RECORDED_OBJECTS = {
    "spoon": RecordedObject("Spoon", "A spoon on a saucer.", "coffee.jpg", (362, 254), (110, 210), 28),
    "saucer": RecordedObject("Saucer", "The other side of the saucer.", "coffee.jpg", (175, 258), (110, 208), 26),
    "cat": RecordedObject("Cat", "The face of a cat.", "cat.jpg", (215, 148), (180, 230), 10),
    "rocket": RecordedObject("Rocket", "A rocket at dusk.", "rocket.jpg", (318, 235), (190, 290), 15),
}


class FrameSummary(NamedTuple):
    """Results over seeds: accuracy in percent, median margin of the first object, NC1 of its class (None: one shot)."""

    accuracy: Summary
    margin: Summary
    nc1: Summary | None


def classify_frames(
    embeddings: Mapping[str, Array],
    first: Sequence[str],
    second: Sequence[str],
    recipe: Recipe,
    n: int,
    seeds: Sequence[int],
) -> FrameSummary:
    """Draw n frames of each object as shots of two classes, and classify all other frames.

    Parameters
    ----------
    embeddings : mapping of str to ndarray of shape (FRAMES, d)
        Embeddings of the frames of each object.
    first, second : sequence of str
        Objects of each class.
    recipe : Recipe
    n : int
        Shots per object.
    seeds : sequence of int
        Each draws other frames.

    Returns
    -------
    FrameSummary
        A frame's margin is the score of its class minus that of the other class.
    """
    labels = np.repeat([0] * len(first) + [1] * len(second), FRAMES)
    X = np.concatenate([embeddings[name] for name in (*first, *second)])
    runs = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        starts = range(0, len(X), FRAMES)
        shots = np.concatenate([start + rng.permutation(FRAMES)[:n] for start in starts])
        rest = np.setdiff1d(np.arange(len(X)), shots)
        model = ImprintingClassifier.from_recipe(recipe, seed).fit(X[shots], labels[shots])
        margins = model.decision_function(X[rest]) * np.where(labels[rest] == 1, 1, -1)
        spread = nc1_per_class(class_statistics(X[shots], labels[shots]))[0]
        runs.append((100 * float((margins > 0).mean()), float(np.median(margins[: FRAMES - n])), float(spread)))
    accuracy, margin, spread = (summarize(values) for values in zip(*runs, strict=True))
    return FrameSummary(accuracy, margin, spread if n * len(first) > 1 else None)
