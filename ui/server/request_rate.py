"""A page that sends too many requests waits, so that the server has time for the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# Requests per second, and those that a page may send at once. Three figures that fill in send 60 per second.
RATE, BURST = 100, 200
_TOO_MANY = f"A page sends more than {RATE} requests per second. Its requests wait; other pages are not affected."
_logger = logging.getLogger(__name__)


class LimitRequestRate:
    """Middleware that reads the requests of each page, which come by its websocket, at a limited rate."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle a connection."""
        await self._app(scope, _limited(receive) if scope["type"] == "websocket" else receive, send)


def _limited(receive: Receive) -> Receive:
    # The time at which the requests that were read would have ended at the rate.
    due, reported = 0.0, False

    async def limited() -> Message:
        nonlocal due, reported
        message = await receive()
        now = time.monotonic()
        due = max(due, now) + 1 / RATE
        wait = due - now - BURST / RATE
        if wait > 0:
            if not reported:
                _logger.warning(_TOO_MANY)
                reported = True
            await asyncio.sleep(wait)
        return message

    return limited
