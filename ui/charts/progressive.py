"""Progressive figures: drawn with the points computed so far, until all are there.

A fragment computes points for a fraction of a second, draws the figure, and is run again by the browser, so that the
page responds between two slices. Values are cached for all sessions: a figure that was stopped or left resumes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.compute.progressive import Point, compute_points, missing_points, point_cache
from ui.navigation.reruns import rerun_page
from ui.text.markdown import plain

# Seconds: computing per slice, between two slices, and before the progress row appears.
_SLICE, _PAUSE, _QUIET = 0.25, 0.05, 1.0
# Seconds after a slice within which a request of the next one may arrive, although the figure is complete.
_LATE = 2.0
# Seconds of computing in the page's own run. A figure without any point computes one in any case.
FIRST_SLICE = 0.0

# Draws the figure from the values, None for missing ones.
Draw = Callable[[list[Any]], None]


def clear_running_figures() -> None:
    """Forget the running figures of the previous run; call it before the page is drawn."""
    st.session_state.running_figures = set()


def note_running_figure(name: str) -> None:
    """Add a figure that the browser requests again and again."""
    st.session_state.running_figures.add(name)


def has_running_figures() -> bool:
    """Return whether figures of the current page are incomplete and being computed."""
    return bool(st.session_state.get("running_figures"))


def note_slice() -> bool:
    """Note that the browser requested a fragment and may request it again; return whether this run is of a fragment."""
    context = get_script_run_ctx()
    fragment_run = bool(context and context.fragment_ids_this_run)
    if fragment_run:
        st.session_state.last_slice = time.monotonic()
    return fragment_run


def note_page_switch() -> None:
    """Remember whether figures are running on the page that is left, or were until a moment ago."""
    just_completed = time.monotonic() - st.session_state.get("last_slice", -_LATE) < _LATE
    st.session_state.left_running = has_running_figures() or just_completed


def rerun_after_switch() -> None:
    """Run the whole app again if the page before had running figures.

    The browser may already have requested their next slice. Streamlit would run it after this page, not find the
    fragment, and leave an empty screen; a whole run replaces that request.
    """
    if st.session_state.pop("left_running", False):
        rerun_page()


def draw_progressively(
    name: str, points: Sequence[Point], draw: Draw, label: str, needs_first_point: bool = True
) -> None:
    """Draw a figure from the computed points, and again whenever more are computed.

    `points` are in the order of computation, `label` says what is computed. `needs_first_point` is whether there is
    nothing to draw without a point.
    """
    keys = [point.key for point in points]
    if st.session_state.get(f"{name}_points") != keys:
        st.session_state[f"{name}_points"] = keys
        _resume(name)
    idle = st.session_state.get(f"{name}_stopped") or not missing_points(points, _failed(name))
    if not idle:
        note_running_figure(name)
    st.fragment(_run_slice, run_every=None if idle else _PAUSE)(name, points, draw, label, needs_first_point)


def _failed(name: str) -> dict[tuple[Any, ...], str]:
    """Return the errors of points that failed; these are not computed again until the user requests it."""
    failed: dict[tuple[Any, ...], str] = st.session_state.setdefault(f"{name}_failed", {})
    return failed


def _run_slice(name: str, points: Sequence[Point], draw: Draw, label: str, needs_first_point: bool) -> None:
    cache, running = point_cache(), st.session_state.running_figures
    fragment_run = note_slice()
    stopped = bool(st.session_state.get(f"{name}_stopped"))
    missing = missing_points(points, _failed(name))
    if missing and not stopped:
        empty = needs_first_point and len(missing) == len(points)
        _compute(name, missing, _SLICE if fragment_run else FIRST_SLICE, fragment_run or empty)
        missing = missing_points(points, _failed(name))
    draw([cache.find(point.key) for point in points])
    if missing and not stopped:
        _draw_progress(name, points, missing, label)
        if fragment_run and name not in running:
            # It was resumed: only a whole run starts a series of slices.
            rerun_page()
        return
    _draw_rest(name, points, missing, label)
    if fragment_run and name in running:
        running.discard(name)
        if not running:
            # The last figure is complete: a whole run ends the series of slices. A figure that the page's own run has
            # completed is left for the first slice, because the browser will repeat it by then.
            rerun_page()


def _compute(name: str, missing: Sequence[Point], seconds: float, at_least_one: bool) -> None:
    state, start = st.session_state, time.monotonic()
    if f"{name}_started" not in state:
        state[f"{name}_started"] = (start, sum(point.cost for point in missing))
        state[f"{name}_seconds"] = 0.0
    _failed(name).update(compute_points(missing, seconds, at_least_one))
    state[f"{name}_seconds"] += time.monotonic() - start


def _draw_progress(name: str, points: Sequence[Point], missing: Sequence[Point], label: str) -> None:
    """Draw the progress row, unless the figure has only just started."""
    state = st.session_state
    started, cost = state.get(f"{name}_started", (time.monotonic(), 0.0))
    if time.monotonic() - started < _QUIET:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    remaining = sum(point.cost for point in missing)
    computed = cost - remaining
    text = f"{label}: {len(points) - len(missing)} of {len(points)}"
    # The first points also open what the others use, so their time says little.
    if computed > 0.05 * cost:
        # Running figures take turns.
        seconds = state.get(f"{name}_seconds", 0.0) * remaining / computed * len(state.running_figures)
        text += f", about {max(1, round(seconds))} s left" if seconds > 0 else ""
    left.progress(1 - len(missing) / len(points), text=text)
    right.button("Stop", key=f"{name}_stop", on_click=_stop, args=(name,), width="stretch")


def _draw_rest(name: str, points: Sequence[Point], missing: Sequence[Point], label: str) -> None:
    """Draw the row of a stopped figure, or of one with failed points."""
    failed = _failed(name)
    if not missing and not failed:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    count = len(points) - len(missing) - len(failed)
    messages = [f"{label}: stopped at {count} of {len(points)}."] if missing else []
    left.caption(" ".join(messages + [plain(error) for error in dict.fromkeys(failed.values())]))
    text = "Resume" if missing else "Try again"
    right.button(text, key=f"{name}_resume", on_click=_resume, args=(name,), width="stretch")


def _stop(name: str) -> None:
    st.session_state[f"{name}_stopped"] = True


def _resume(name: str) -> None:
    for memory in ("stopped", "failed", "started"):
        st.session_state.pop(f"{name}_{memory}", None)
