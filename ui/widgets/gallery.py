"""A grid of samples' thumbnails, each a button that tells which sample it is."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from imprint_core.embeddings.set_images import thumbnail

# A tile's picture in pixels, such that two dozen photographs stay below 60 kB; and up to which edge an image is sent
# as it is, and enlarged in squares.
_EDGE, _SMALL = 56, 32
_component = st.components.v2.component(
    "imprint_gallery",
    js=(Path(__file__).parent / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Tile:
    """What is shown of one sample.

    Attributes
    ----------
    code : int
        The sample's stable code, reported on a click; no two tiles of a gallery have the same.
    image : Image or None
        Of any size; None where images aren't at hand.
    title, note : str
        The two lines under it, as plain text. The note may be empty.
    color : str
        The class's colour, "#rrggbb".
    wrong : bool
        Whether it was classified wrongly.
    told : str
        The whole story in a sentence, for the tooltip and for those who don't see the picture.
    """

    code: int
    image: Image.Image | None
    title: str
    note: str
    color: str
    wrong: bool
    told: str


def gallery(
    name: str,
    tiles: Sequence[Tile],
    *,
    label: str,
    chosen: int | None = None,
    on_click: Callable[[int], None],
) -> None:
    """Draw tiles under the identity `name`.

    Parameters
    ----------
    name : str
        Which gallery this is; the same name is drawn in place.
    tiles : sequence of Tile
    label : str
        What the samples are, for those who don't see them.
    chosen : int, optional
        Code of the tile that is marked.
    on_click : callable
        Called with the code of a tile that was clicked, before the page's script runs again.
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
            "tiles": [_told(tile) for tile in tiles],
        },
        on_clicked_change=clicked,
    )


def encoded(image: Image.Image) -> str:
    """An image as a data URI of few bytes, no larger than a tile needs.

    PNG or JPEG, whichever is smaller: drawn digits are so as PNG, photographs as JPEG.
    """
    fitted = image if max(image.size) <= _EDGE else thumbnail(image, _EDGE)
    # Grey images stay grey: a third of what a PNG has to hold.
    fitted = fitted.convert("L" if image.mode == "L" else "RGB")
    return _data_uri(fitted.mode, fitted.size, fitted.tobytes())


@lru_cache(maxsize=1024)
def _data_uri(mode: str, size: tuple[int, int], pixels: bytes) -> str:
    image = Image.frombytes(mode, size, pixels)
    # Where single pixels are seen, JPEG's blocks and its coarser colours would be too.
    jpeg = {"quality": 90, "subsampling": 0} if max(size) <= _SMALL else {"quality": 80}
    files = {}
    for kind, options in (("png", {}), ("jpeg", jpeg)):
        file = io.BytesIO()
        image.save(file, kind, optimize=True, **options)
        files[kind] = file.getvalue()
    kind = min(files, key=lambda k: len(files[k]))
    return f"data:image/{kind};base64,{base64.b64encode(files[kind]).decode()}"


def _told(tile: Tile) -> dict[str, Any]:
    return {
        "code": tile.code,
        "image": None if tile.image is None else encoded(tile.image),
        "pixelated": tile.image is not None and max(tile.image.size) <= _SMALL,
        "title": tile.title,
        "note": tile.note,
        "color": tile.color,
        "wrong": tile.wrong,
        "told": tile.told,
    }


def _code(state: Any, codes: frozenset[int]) -> int | None:
    """The code in what a browser sent, if it is one of the codes that it was given."""
    value = state.get("clicked") if isinstance(state, dict) else None
    code = value.get("code") if isinstance(value, dict) else None
    # True and 1.0 would be found among the codes too.
    return code if type(code) is int and code in codes else None
