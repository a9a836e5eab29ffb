"""Long computations of different sessions take turns, so that they leave a core to short ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

_turn = BoundedSemaphore(1)
# Seconds after which a computation starts although another one is still running: it may be waiting for this one.
_PATIENCE = 2.0


@contextmanager
def long_computation() -> Iterator[None]:
    """Wait until no other session is in a long computation, for some seconds at most."""
    acquired = _turn.acquire(timeout=_PATIENCE)
    try:
        yield
    finally:
        if acquired:
            _turn.release()
