"""Long computations of different sessions take turns, so that they leave a core to short ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

import streamlit as st

_turn = BoundedSemaphore(1)
# Seconds after which a computation starts although another one is still running: it may be waiting for this one.
_PATIENCE = 2.0
# Seconds between two looks.
_LOOK = 0.05


@contextmanager
def long_computation() -> Iterator[None]:
    """Wait until no other session is in a long computation, for some seconds at most.

    A run that a newer one of its session replaces ends while it waits.
    """
    end = time.monotonic() + _PATIENCE
    while not (acquired := _turn.acquire(timeout=_LOOK)) and time.monotonic() < end:
        # At each access to the session's state, Streamlit ends runs that were replaced.
        st.session_state.get("replaced")
    try:
        yield
    finally:
        if acquired:
            _turn.release()
