"""Visitors of a class who wait for the same background job: one of them cannot end it for the others."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock

from ui.server.classroom import is_classroom
from ui.server.session import is_connected, session_id

# Sessions that wait, by job.
_sessions: dict[Hashable, set[str]] = {}
_change = Lock()


def start_waiting(job: Hashable) -> None:
    """Note that the visitor waits for a job."""
    with _change:
        _sessions.setdefault(job, set()).add(session_id())


def stop_waiting(job: Hashable) -> bool:
    """Note that the visitor no longer waits for a job; return whether it may be ended.

    In classroom mode it may not while another connected visitor waits for it.
    """
    with _change:
        others = {session for session in _sessions.pop(job, set()) - {session_id()} if is_connected(session)}
        if others:
            _sessions[job] = others
    return not (others and is_classroom())
