"""Gallery tiles of samples: thumbnail if available, class and prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.figures.style import class_color, shortened
from imprint_core.maps.samples import Predictions, Samples, sample_text, split_and_id
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.text.markdown import plain
from ui.widgets.gallery import Tile


def image_of(pictures: Splits | None, code: int) -> Image.Image | None:
    """Image of a sample, if available."""
    if pictures is None:
        return None
    split, number = split_and_id(code)
    return (pictures.test if split == "test" else pictures.train).by_id(number)


def prediction_tiles(
    selection: Selection, samples: Samples, rows: NDArray[np.intp], predictions: Predictions
) -> list[Tile]:
    """Tiles of samples, by row, with true and predicted class or the margin."""
    pictures = results.pictures(selection.experiment.info)
    tiles = []
    for row in rows:
        code, true, predicted = int(samples.codes[row]), int(samples.y[row]), int(predictions.predicted[row])
        margin = f"{float(predictions.margin[row]):.4f}" if np.isfinite(predictions.margin[row]) else ""
        split, number = split_and_id(code)
        name = samples.names[predicted]
        description = f"{split} sample {number}: class {samples.names[true]}, predicted as {name}"
        tiles.append(
            Tile(
                code,
                image_of(pictures, code),
                samples.names[true],
                f"→ {name}" if true != predicted else margin,
                class_color(true),
                true != predicted,
                description + (f", margin {margin}" if margin else ""),
            )
        )
    return tiles


def neighbour_tiles(
    selection: Selection, codes: Sequence[int], classes: Sequence[int], names: Sequence[str], notes: Sequence[str]
) -> list[Tile]:
    """Tiles of samples with a note each, such as a distance."""
    pictures = results.pictures(selection.experiment.info)
    tiles = []
    for code, c, note in zip(codes, classes, notes, strict=True):
        split, number = split_and_id(int(code))
        description = f"{split} sample {number}, class {names[c]}" + (f", {note}" if note else "")
        image = image_of(pictures, int(code))
        tiles.append(Tile(int(code), image, names[c], note, class_color(c), False, description))
    return tiles


def without_images(selection: Selection) -> str:
    """Why thumbnails are missing, in Markdown; empty if they are available."""
    if results.pictures(selection.experiment.info) is not None:
        return ""
    label = plain(selection.experiment.info.meta["dataset"]["label"])
    return (
        f"The images of {label} are not on this machine, so tiles show class and number only. The Library explains "
        "where to put them."
    )


def sample_title(code: int, names: Sequence[str], true: int) -> str:
    """Sample and class for a heading, in Markdown."""
    text = sample_text(code)
    return f"{'test sample ' if code >= 0 else ''}{text} · class {plain(shortened(names[true], 40))}"
