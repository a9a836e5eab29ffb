"""Images of samples, one at a time: a visitor's browser requests that of the sample under the pointer.

The address of a set's images contains a key that only this visitor's page gets and that ends with the session, so
nobody else can read the uploads of a student.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets

import streamlit as st
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imprint_core.datasets.images import Splits
from imprint_core.datasets.thumbnails import compressed
from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.lru_cache import LruCache
from imprint_core.maps.samples import split_and_id
from ui.compute import results
from ui.server.session import is_connected, session_id

_PATH = "sample-images"
# Edge of an image in pixels: twice what the map displays, for screens with two pixels per point.
_EDGE = 192
_SECRET = secrets.token_bytes(32)
# Sessions and their sets by key; of more, the least recently drawn ones have no images until their next run.
_keys = LruCache[tuple[str, SetInfo]](entries=2000)
_turn = asyncio.Lock()


def image_of(pictures: Splits | None, code: int) -> Image.Image | None:
    """Image of a sample, if available."""
    if pictures is None:
        return None
    split, number = split_and_id(code)
    return (pictures.test if split == "test" else pictures.train).find(number)


def image_address(info: SetInfo) -> str:
    """Address of the images of a set's samples for the current visitor, below the app's; a sample's code follows."""
    session = session_id()
    text = f"{session}\n{info.path}\n{info.key}"
    key = hmac.digest(_SECRET, text.encode(), "sha256").hex()
    _keys.put(key, (session, info))
    return f"{_PATH}/{key}/"


def image_route() -> Route:
    """Route that answers with a sample's image, and without content where there is none."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return Route(f"{base and '/'}{base}/{_PATH}/{{key}}/{{code}}", _respond)


async def _respond(request: Request) -> Response:
    # One at a time: many large photographs would fill the memory, and the pointer may be elsewhere by now.
    async with _turn:
        gone = await request.is_disconnected()
        image = None if gone else await asyncio.to_thread(find_image, **request.path_params)
    if image is None:
        return Response(status_code=204)
    return Response(image[1], media_type=f"image/{image[0]}", headers={"Cache-Control": "private, max-age=3600"})


def find_image(key: str, code: str) -> tuple[str, bytes] | None:
    """Return format and bytes of a sample's image; None if it is not available, or not to whoever has this key."""
    session, info = _keys.find(key) or ("", None)
    if info is None or not is_connected(session):
        return None
    try:
        split, number = split_and_id(int(code))
        opened = results.embeddings(info)
        if number not in (opened.id_test if split == "test" else opened.id_train):
            return None
        image = image_of(results.pictures(info), int(code))
        return None if image is None else compressed(image, _EDGE)
    except (ValueError, ImprintError):
        # Not a number, or a set or an image that is damaged or no longer there.
        return None
