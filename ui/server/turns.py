"""Computations of different sessions take turns: long ones on one core, so that they leave the others to short ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import streamlit as st

from imprint_core.background.threads import on_one_core
from ui.server.session import session_id

_turn, _short_turn = threading.BoundedSemaphore(1), threading.BoundedSemaphore(1)
# Seconds after which a computation starts although another one is still running: it may be waiting for this one.
_PATIENCE, _SHORT_PATIENCE = 10.0, 1.0
# Seconds between two looks.
_LOOK = 0.05
# Seconds for which a session counts as active after a run has started.
_ACTIVE = 5.0
_this_thread = threading.local()
# Session and time of the last run, and of the last run of another session.
_last_runs = [("", -_ACTIVE), ("", -_ACTIVE)]


def note_run() -> None:
    """Note that the session starts a run of a page."""
    if _last_runs[0][0] != session_id():
        _last_runs[1] = _last_runs[0]
    _last_runs[0] = (session_id(), time.monotonic())


def _others_are_active() -> bool:
    return any(session != session_id() and time.monotonic() - start < _ACTIVE for session, start in _last_runs)


@contextmanager
def _taken(turn: threading.BoundedSemaphore, patience: float) -> Iterator[None]:
    """Wait for a turn, or until patience is out. A run that a newer one of its session replaces ends while it waits."""
    end = time.monotonic() + patience
    while not (acquired := turn.acquire(timeout=_LOOK)) and time.monotonic() < end:
        # At each access to the session's state, Streamlit ends runs that were replaced.
        st.session_state.get("replaced")
    try:
        yield
    finally:
        if acquired:
            turn.release()


def _computes() -> bool:
    """Return whether this thread has the turn of long computations."""
    return getattr(_this_thread, "computes", False)


@contextmanager
def long_computation() -> Iterator[None]:
    """Wait until no other session is in a long computation, for some seconds at most; within another, don't wait."""
    if _computes():
        yield
        return
    with _taken(_turn, _PATIENCE):
        _this_thread.computes = True
        try:
            with on_one_core() if _others_are_active() else nullcontext():
                yield
        finally:
            _this_thread.computes = False


def short_computation() -> AbstractContextManager[None]:
    """Wait until no other session is in a short computation: one after another, each ends sooner than all at once.

    Within a long computation, don't wait.
    """
    return nullcontext() if _computes() else _taken(_short_turn, _SHORT_PATIENCE)
