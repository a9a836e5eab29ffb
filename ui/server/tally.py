"""Predictions of a class in lessons: how many visitors chose what, and whether the teacher has revealed the result.

They are stored in memory only, by session and without names. A visitor who leaves is counted for as long as Streamlit
lets a lost connection come back, because phones are locked while their owners wait.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import RLock
from typing import Generic, TypeVar

import streamlit as st
from streamlit import runtime

from ui.server.classroom import is_classroom, is_teacher, require_teacher
from ui.server.session import session_id

T = TypeVar("T")
# Sessions that a poll counts; predictions of further ones are ignored.
_MOST_SESSIONS = 1000
_lock = RLock()


class _BySession(Generic[T]):
    """A value per session, without those of sessions that have ended."""

    def __init__(self) -> None:
        self._values: dict[str, T] = {}
        # When the session was last connected.
        self._seen: dict[str, float] = {}

    def set(self, session: str, value: T) -> None:
        self._values[session], self._seen[session] = value, time.monotonic()

    def current(self) -> dict[str, T]:
        now = time.monotonic()
        for session in list(self._values):
            if not runtime.exists() or runtime.get_instance().is_active_session(session):
                self._seen[session] = now
            elif now - self._seen[session] > st.get_option("server.disconnectedSessionTTL"):
                del self._values[session], self._seen[session]
        return self._values


class Poll:
    """The predictions of a lesson between two resets, the last one of each session."""

    def __init__(self) -> None:
        self.revealed = False
        self._predictions: _BySession[tuple[int, ...]] = _BySession()

    def add(self, session: str, prediction: tuple[int, ...]) -> bool:
        """Count a prediction, unless the result is revealed or too many are counted; return whether it is counted."""
        with _lock:
            predictions = self._predictions.current()
            if self.revealed or (session not in predictions and len(predictions) >= _MOST_SESSIONS):
                return False
            self._predictions.set(session, prediction)
            return True

    def counts(self, sizes: Sequence[int]) -> list[list[int]]:
        """Return how many visitors chose each option of each question; `sizes` are the numbers of options."""
        with _lock:
            predictions = list(self._predictions.current().values())
        chosen = [[prediction[question] for prediction in predictions] for question in range(len(sizes))]
        return [[options.count(option) for option in range(size)] for options, size in zip(chosen, sizes, strict=True)]


_polls: dict[str, Poll] = {}
# The lesson that each teacher opened last.
_leaders: _BySession[str] = _BySession()


def current_poll(lesson: str) -> Poll:
    """Return the poll of a lesson."""
    with _lock:
        return _polls.setdefault(lesson, Poll())


def count_prediction(lesson: str, prediction: tuple[int, ...]) -> Poll | None:
    """Count the visitor's prediction in place of an earlier one, and return the poll; None if it is not counted.

    Only predictions of students in a classroom are counted, until the result is revealed. `prediction` has the index
    of an option for each question.
    """
    if not is_classroom() or is_teacher():
        return None
    with _lock:
        poll = current_poll(lesson)
        return poll if poll.add(session_id(), prediction) else None


def lead(lesson: str) -> None:
    """Note that the visitor, a teacher, has opened a lesson."""
    require_teacher("Leading a lesson")
    with _lock:
        _leaders.set(session_id(), lesson)


def is_led(lesson: str) -> bool:
    """Return whether a lesson is the last one that a teacher opened, so that students wait for its result."""
    with _lock:
        return lesson in _leaders.current().values()


def reveal(lesson: str) -> None:
    """Show the result of a lesson to all who were counted."""
    require_teacher("Revealing a result")
    current_poll(lesson).revealed = True


def reset(lesson: str) -> None:
    """Start a new poll: students who wait for the result predict again."""
    require_teacher("Resetting predictions")
    with _lock:
        _polls.pop(lesson, None)
