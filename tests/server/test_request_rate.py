import asyncio
import logging

import pytest

from ui.server import request_rate
from ui.server.request_rate import BURST, RATE, LimitRequestRate


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves; returns the seconds of each sleep."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(request_rate.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(request_rate.asyncio, "sleep", sleep)
    return slept


def read(kind, count, pause=0.0, clock=None):
    """Read messages of a connection through the middleware, with a pause before each."""
    messages = [{"type": "message", "number": number} for number in range(count)]
    sent = iter(messages)
    received = []

    async def receive():
        if clock is not None:
            clock.append(pause)
        return next(sent)

    async def app(scope, receive, send):
        received.extend([await receive() for _ in range(count)])

    asyncio.run(LimitRequestRate(app)({"type": kind}, receive, None))
    assert received == messages


def test_a_flood_is_read_at_the_rate_after_a_burst(clock, caplog):
    with caplog.at_level(logging.WARNING):
        read("websocket", BURST - 1)
        assert clock == []
        assert caplog.messages == []
        read("websocket", BURST + 300)
    assert sum(clock) == pytest.approx(300 / RATE)
    # Once.
    assert caplog.messages == [
        "A page sends more than 100 requests per second. Its requests wait; other pages are not affected."
    ]


def test_requests_at_the_rate_never_wait(clock):
    read("websocket", 5 * BURST, pause=1 / RATE, clock=clock)
    assert clock == [1 / RATE] * 5 * BURST


def test_files_are_read_without_a_limit(clock):
    read("http", 5 * BURST)
    assert clock == []


def test_the_app_limits_requests():
    from app import app

    assert LimitRequestRate in [entry.cls for entry in app._user_middleware]
