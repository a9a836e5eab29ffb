"""Grid of samples; each is a button with its thumbnail, if available, its class and its prediction."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.thumbnails import SMALL, compressed
from imprint_core.figures.style import class_color, ink_on, shortened
from imprint_core.maps.samples import Predictions, Samples, sample_text, split_and_id
from ui.compute import results
from ui.compute.sample_images import image_of
from ui.controls.sidebar import Selection
from ui.text.markdown import plain

# Edge of a thumbnail in pixels; two dozen photographs stay below 60 kB.
_EDGE = 56
_component = st.components.v2.component(
    "imprint_gallery",
    js=(Path(__file__).parent / "gallery.js").read_text(encoding="utf-8"),
)


class Frame(NamedTuple):
    """Text instead of an image: a class and, below it, a value, on the colour of the class, "#rrggbb"."""

    title: str
    value: str
    color: str


@dataclass(frozen=True)
class Tile:
    """A sample in a gallery: its stable code, reported on a click, its image, if available, and the two lines below it.

    The colour is of the class, "#rrggbb"; the description is a sentence for the tooltip and for screen readers. The
    frame is displayed where there is no image.
    """

    code: int
    image: Image.Image | None
    title: str
    note: str
    color: str
    misclassified: bool
    description: str
    frame: Frame | None = None


def gallery(
    name: str,
    tiles: Sequence[Tile],
    *,
    label: str,
    chosen: int | None = None,
    on_click: Callable[[int], None],
) -> None:
    """Draw a gallery; one of the same name is updated in place.

    `label` describes the samples for screen readers, `chosen` is the code of the selected tile. `on_click` is called
    with the code of the clicked tile, before the page's script runs again.
    """
    key = f"gallery-{name}"
    codes = frozenset(tile.code for tile in tiles)

    def clicked() -> None:
        code = _code(st.session_state.get(key), codes)
        if code is not None:
            on_click(code)

    _component(
        key=key,
        data={
            "name": name,
            "kind": "gallery",
            "label": label,
            "chosen": chosen,
            "tiles": [_payload(tile) for tile in tiles],
        },
        on_clicked_change=clicked,
    )


def data_uri(image: Image.Image) -> str:
    """Encode an image as a small data URI, no larger than a tile needs."""
    kind, data = compressed(image, _EDGE)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _payload(tile: Tile) -> dict[str, Any]:
    image, frame = tile.image, tile.frame
    return vars(tile) | {
        "image": None if image is None else data_uri(image),
        "pixelated": image is not None and max(image.size) <= SMALL,
        "frame": None if image is not None or frame is None else {**frame._asdict(), "ink": ink_on(frame.color)},
    }


def _code(state: Any, codes: frozenset[int]) -> int | None:
    """Validate what a browser sent; return the code if it is one of the gallery's."""
    value = state.get("clicked") if isinstance(state, dict) else None
    code = value.get("code") if isinstance(value, dict) else None
    # True and 1.0 are equal to the code 1.
    return code if type(code) is int and code in codes else None


def prediction_tiles(
    selection: Selection, samples: Samples, rows: NDArray[np.intp], predictions: Predictions
) -> list[Tile]:
    """Tiles of samples, by row, with true and predicted class or the margin; frames with predicted class and margin."""
    pictures = results.pictures(selection.experiment.info)
    tiles = []
    for row in rows:
        code, true, predicted = int(samples.codes[row]), int(samples.y[row]), int(predictions.predicted[row])
        margin = f"{float(predictions.margin[row]):.4f}" if np.isfinite(predictions.margin[row]) else ""
        split, number = split_and_id(code)
        name = samples.names[predicted]
        description = f"{split} sample {number}: class {samples.names[true]}, predicted as {name}"
        image = image_of(pictures, code)
        # The frame has the margin, too.
        right = "" if image is None else margin
        tiles.append(
            Tile(
                code,
                image,
                samples.names[true],
                f"→ {name}" if true != predicted else right,
                class_color(true),
                true != predicted,
                description + (f", margin {margin}" if margin else ""),
                Frame(name, margin, class_color(predicted)),
            )
        )
    return tiles


def neighbour_tiles(
    selection: Selection, codes: Sequence[int], classes: Sequence[int], names: Sequence[str], notes: Sequence[str]
) -> list[Tile]:
    """Tiles of samples with a note each, such as a distance; frames with class and note, above the sample's number."""
    pictures = results.pictures(selection.experiment.info)
    tiles = []
    for code, c, note in zip(codes, classes, notes, strict=True):
        split, number = split_and_id(int(code))
        description = f"{split} sample {number}, class {names[c]}" + (f", {note}" if note else "")
        image, color = image_of(pictures, int(code)), class_color(c)
        title, below = (str(number), "") if image is None else (names[c], note)
        tiles.append(Tile(int(code), image, title, below, color, False, description, Frame(names[c], note, color)))
    return tiles


def sample_title(code: int, names: Sequence[str], true: int) -> str:
    """Sample and class for a heading, in Markdown."""
    text = sample_text(code)
    return f"{'test sample ' if code >= 0 else ''}{text} · class {plain(shortened(names[true], 40))}"
