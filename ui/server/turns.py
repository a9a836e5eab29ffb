"""Computations of different sessions take turns: long ones on one core, so that they leave the others to short ones."""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count

import streamlit as st

from imprint_core.background.threads import on_one_core
from ui.server.session import session_id

# Seconds after which a computation starts although another one is still running: it may be waiting for this one.
_PATIENCE, _SHORT_PATIENCE = 10.0, 1.0
# Seconds between two looks; and for which a long computation lets short ones pass, each time.
_LOOK, _PAUSE = 0.05, 0.5
# Seconds for which a session counts as active after a run has started.
_ACTIVE = 5.0
_this_thread = threading.local()
# Session and time of the last run, and of the last run of another session.
_last_runs = [("", -_ACTIVE), ("", -_ACTIVE)]


def note_run() -> None:
    """Note that the session starts a run of a page."""
    _this_thread.start = time.monotonic()
    if _last_runs[0][0] != session_id():
        _last_runs[1] = _last_runs[0]
    _last_runs[0] = (session_id(), time.monotonic())


def _others_are_active() -> bool:
    return any(session != session_id() and time.monotonic() - start < _ACTIVE for session, start in _last_runs)


class _Turn:
    """One computation has it at a time. Of those that wait, the one with the earliest time is next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Times, and numbers that distinguish equal ones.
        self._waiting: list[tuple[float, int]] = []
        self._numbers = count()
        self.taken = False

    @contextmanager
    def take(self, since: float, patience: float) -> Iterator[None]:
        """Wait for the turn, or until patience is out. A run that a newer one of its session replaces ends meanwhile.

        `since` is the time that decides who is next.
        """
        ticket, end = (since, next(self._numbers)), time.monotonic() + patience
        with self._changed:
            insort(self._waiting, ticket)
        mine = False
        try:
            while not (mine := self._is_next(ticket)) and time.monotonic() < end:
                # At each access to the session's state, Streamlit ends runs that were replaced.
                st.session_state.get("replaced")
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            if mine:
                with self._changed:
                    self.taken = False
                    self._changed.notify_all()

    def wait_until_free(self, seconds: float) -> None:
        """Wait until nobody has the turn or waits for it, for some seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self.taken and not self._waiting, seconds)

    def _is_next(self, ticket: tuple[float, int]) -> bool:
        """Wait a little; return whether the turn has come, which it takes."""
        with self._changed:
            mine = self._changed.wait_for(lambda: not self.taken and self._waiting[0] == ticket, _LOOK)
            self.taken |= mine
        return mine


_turn, _short_turn = _Turn(), _Turn()


def _computes() -> bool:
    """Return whether this thread has the turn of long computations."""
    return getattr(_this_thread, "computes", False)


def _let_short_ones_pass() -> None:
    # Beside another thread, each is three to six times as slow: threads wait for Python's lock and for a core.
    _short_turn.wait_until_free(_PAUSE)


@contextmanager
def long_computation() -> Iterator[None]:
    """Wait until no other session is in a long computation, for some seconds at most; within another, don't wait.

    Before it starts, and before each item of `run_parallel`, it lets short computations pass.
    """
    if _computes():
        yield
        return
    with _turn.take(time.monotonic(), _PATIENCE):
        _let_short_ones_pass()
        _this_thread.computes = True
        try:
            with on_one_core(_let_short_ones_pass) if _others_are_active() else nullcontext():
                yield
        finally:
            _this_thread.computes = False


def short_computation() -> AbstractContextManager[None]:
    """Wait until no other session is in a short computation: one after another, each ends sooner than all at once.

    Within a long computation, don't wait.
    """
    if _computes():
        return nullcontext()
    # A run isn't overtaken by later ones between its computations.
    return _short_turn.take(getattr(_this_thread, "start", time.monotonic()), _SHORT_PATIENCE)
