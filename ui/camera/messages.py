"""Messages of the page's script: read and checked, because a browser can send anything."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from imprint_core.errors import ImprintError

MOST_EDGE = 320
"""Longest edge of an image that the script sends, in pixels."""
MOST_BYTES = 200_000
"""Bytes of its JPEG file at most."""
_PREFIX = "data:image/jpeg;base64,"
_MOST_NAME = 200
_MOST_NUMBER = 2**53
_THUMBNAIL_EDGE = 48

_BAD_IMAGE = "The browser sent an image that cannot be read. Reload the page."


@dataclass(frozen=True)
class Message:
    """What the script sends, one message at a time.

    Attributes
    ----------
    number : int
        Repeated in the answer, upon which the script sends the next one.
    version, shot : int
        Version of the shots that the script displays, and the latest shot of which it has the thumbnail.
    image : str
        A JPEG as a data URI; empty if there is none.
    record : int
        Class that takes the image as a shot; -1 for none.
    action, target, item, name
        A change of the classes, "add", "rename", "remove" or "delete" (of a shot); "start" or "stop" of frames, or
        "recordings" that are requested; empty for none. Then class, shot and name that it is about.
    """

    number: int
    version: int
    shot: int
    image: str = ""
    record: int = -1
    action: str = ""
    target: int = -1
    item: int = -1
    name: str = ""


def read_message(value: Any) -> Message | None:
    """Read a message; None if it is not one."""
    if not isinstance(value, dict):
        return None
    numbers = {name: value.get(name, -1) for name in ("number", "version", "shot", "record", "target", "item")}
    texts = {name: value.get(name, "") for name in ("image", "action", "name")}
    if not all(type(v) is int and -1 <= v <= _MOST_NUMBER for v in numbers.values()):
        return None
    if not all(isinstance(v, str) for v in texts.values()):
        return None
    if len(texts["image"]) > 2 * MOST_BYTES or len(texts["name"]) > _MOST_NAME:
        return None
    return Message(**numbers, **texts)


def decode_image(uri: str) -> tuple[bytes, Image.Image]:
    """Decode the data URI of a JPEG: its file and its image (`decode_jpeg`)."""
    try:
        data = base64.b64decode(uri.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise ImprintError(_BAD_IMAGE) from error
    return data, decode_jpeg(data)


def decode_jpeg(data: bytes) -> Image.Image:
    """Decode a JPEG of at most `MOST_BYTES` and `MOST_EDGE`, in RGB; its size is checked before pixels are decoded.

    Raises an `ImprintError` for anything else.
    """
    if len(data) > MOST_BYTES:
        raise ImprintError(_BAD_IMAGE)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if max(image.size) <= MOST_EDGE:
                return image.convert("RGB")
    # Pillow raises several kinds of errors on damaged files.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImprintError(_BAD_IMAGE) from error
    raise ImprintError(_BAD_IMAGE)


def thumbnail_uri(image: Image.Image) -> str:
    """Encode a small square JPEG as a data URI."""
    edge = min(image.size)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    small = image.resize((_THUMBNAIL_EDGE, _THUMBNAIL_EDGE), box=(left, top, left + edge, top + edge))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=75)
    return _PREFIX + base64.b64encode(file.getvalue()).decode()
