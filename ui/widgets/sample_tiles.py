"""Samples as tiles: their thumbnails where images are at hand, what they are and what they are taken for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.figures.embedding_map import Verdict
from imprint_core.figures.style import class_color, shortened
from imprint_core.maps.samples import Samples, id_of, sample_text
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.text.markdown import plain
from ui.widgets.gallery import Tile


def image_of(pictures: Splits | None, code: int) -> Image.Image | None:
    """A sample's image, where it is at hand."""
    if pictures is None:
        return None
    part, number = id_of(code)
    return (pictures.test if part == "test" else pictures.train).by_id(number)


def judged_tiles(selection: Selection, own: Samples, rows: NDArray[np.intp], verdict: Verdict) -> list[Tile]:
    """Tiles of samples, by their rows, that say what the recipe makes of them."""
    pictures = results.pictures(selection.info)
    tiles = []
    for row in rows:
        code, true, predicted = int(own.codes[row]), int(own.y[row]), int(verdict.predicted[row])
        margin = float(verdict.margin[row])
        lead = f"{margin:.4f}" if np.isfinite(margin) else ""
        wrong = true != predicted
        told = f"{id_of(code)[0]} sample {id_of(code)[1]}: class {own.names[true]}, taken for {own.names[predicted]}"
        tiles.append(
            Tile(
                code,
                image_of(pictures, code),
                own.names[true],
                f"→ {own.names[predicted]}" if wrong else lead,
                class_color(true),
                wrong,
                told + (f", margin {lead}" if lead else ""),
            )
        )
    return tiles


def near_tiles(
    selection: Selection, codes: Sequence[int], classes: Sequence[int], names: Sequence[str], notes: Sequence[str]
) -> list[Tile]:
    """Tiles of samples that stand near something; a note for each, such as a distance."""
    pictures = results.pictures(selection.info)
    return [
        Tile(
            int(code),
            image_of(pictures, int(code)),
            names[c],
            note,
            class_color(c),
            False,
            f"{id_of(int(code))[0]} sample {id_of(int(code))[1]}, class {names[c]}" + (f", {note}" if note else ""),
        )
        for code, c, note in zip(codes, classes, notes, strict=True)
    ]


def without_images(selection: Selection) -> str:
    """Why there are no thumbnails, in Markdown; empty where there are."""
    if results.pictures(selection.info) is not None:
        return ""
    label = plain(selection.info.meta["dataset"]["label"])
    return (
        f"The images of {label} are not on this machine, so samples are told by class and number. The Library says "
        "where to put them."
    )


def title_of(code: int, names: Sequence[str], true: int) -> str:
    """How a sample is called in a heading, in Markdown."""
    text = sample_text(code)
    return f"{'test sample ' if code >= 0 else ''}{text} · class {plain(shortened(names[true], 40))}"
