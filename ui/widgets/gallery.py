"""Grid of sample thumbnails; each is a button."""

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

from imprint_core.datasets.thumbnails import thumbnail

# Edge of a thumbnail in pixels; two dozen photographs stay below 60 kB.
_EDGE = 56
# Images up to this edge are sent unchanged and enlarged without smoothing.
_SMALL = 32
_component = st.components.v2.component(
    "imprint_gallery",
    js=(Path(__file__).parent / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Tile:
    """A sample in a gallery: its stable code, reported on a click, its image, if available, and the two lines below it.

    The colour is of the class, "#rrggbb"; the description is a sentence for the tooltip and for screen readers.
    """

    code: int
    image: Image.Image | None
    title: str
    note: str
    color: str
    misclassified: bool
    description: str


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
    """Encode an image as a small data URI, no larger than a tile needs.

    PNG or JPEG, whichever is smaller: PNG for drawn digits, JPEG for photographs.
    """
    small = image if max(image.size) <= _EDGE else thumbnail(image, _EDGE)
    # Grey images stay grey; a PNG of them needs a third of the bytes.
    small = small.convert("L" if image.mode == "L" else "RGB")
    return _encode(small.mode, small.size, small.tobytes())


@lru_cache(maxsize=1024)
def _encode(mode: str, size: tuple[int, int], pixels: bytes) -> str:
    image = Image.frombytes(mode, size, pixels)
    # Enlarged pixels would make JPEG's blocks and coarser colours visible.
    jpeg = {"quality": 90, "subsampling": 0} if max(size) <= _SMALL else {"quality": 80}
    files = {}
    for kind, options in (("png", {}), ("jpeg", jpeg)):
        file = io.BytesIO()
        image.save(file, kind, optimize=True, **options)
        files[kind] = file.getvalue()
    kind = min(files, key=lambda k: len(files[k]))
    return f"data:image/{kind};base64,{base64.b64encode(files[kind]).decode()}"


def _payload(tile: Tile) -> dict[str, Any]:
    return {
        "code": tile.code,
        "image": None if tile.image is None else data_uri(tile.image),
        "pixelated": tile.image is not None and max(tile.image.size) <= _SMALL,
        "title": tile.title,
        "note": tile.note,
        "color": tile.color,
        "misclassified": tile.misclassified,
        "description": tile.description,
    }


def _code(state: Any, codes: frozenset[int]) -> int | None:
    """Validate what a browser sent; return the code if it is one of the gallery's."""
    value = state.get("clicked") if isinstance(state, dict) else None
    code = value.get("code") if isinstance(value, dict) else None
    # True and 1.0 are equal to the code 1.
    return code if type(code) is int and code in codes else None
