"""Browsers load the script of all figures while the server makes the first page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import streamlit as st

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Message]], Send], Awaitable[None]]


class PreloadScript:
    """Middleware that names a script in the header of each HTML page, by its path below the app's address."""

    def __init__(self, app: App, script: str) -> None:
        self._app = app
        self._script = script

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Send) -> None:
        """Handle a connection."""

        async def with_link(message: Message) -> None:
            headers = message.get("headers", [])
            if message["type"] == "http.response.start" and any(value.startswith(b"text/html") for _, value in headers):
                base = st.get_option("server.baseUrlPath").strip("/")
                link = f"<{base and '/'}{base}/{self._script}>; rel=preload; as=script"
                message = {**message, "headers": [*headers, (b"link", link.encode())]}
            await send(message)

        await self._app(scope, receive, with_link if scope["type"] == "http" else send)
