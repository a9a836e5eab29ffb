"""Pictures that fill in point by point.

What takes longer than a moment is computed in slices, between which the page answers: each slice is a run of the
fragment that draws the picture. Points are kept under keys made of digests, for all windows, so that a picture that was
left or stopped goes on where it was.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imprint_core.errors import ImprintError
from ui.charts.plot import stamp_of
from ui.navigation.reruns import draw_again
from ui.text.markdown import plain

# Seconds that a slice takes at least, between two slices, and before a line says how far it is.
_SLICE, _PAUSE, _SILENT = 0.25, 0.05, 1.0
# Seconds of work before the page itself goes on; one point is computed in any case where a picture has none.
AT_ONCE = 0.0
_MOST = 20_000


# Draws what is there: takes the values, None for those that aren't there yet, and a text that says which are.
Draw = Callable[[list[Any], str], None]


@dataclass(frozen=True)
class Point:
    """Something to be computed.

    Attributes
    ----------
    key : tuple
        What it depends on, with digests for arrays.
    make : callable
        Computes it; within a second, for nothing answers meanwhile.
    cost : float
        How long it takes against the others, roughly.
    """

    key: tuple[Hashable, ...]
    make: Callable[[], Any]
    cost: float = 1.0


class Results:
    """What has been computed, under its keys; the least recently used is forgotten first."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > _MOST:
                self._values.popitem(last=False)


@st.cache_resource(show_spinner=False)
def results() -> Results:
    """Those of all windows."""
    return Results()


def forget_pictures() -> None:
    """Before a page is drawn anew: no picture is at work but those that this page will have."""
    st.session_state.filling = set()


def leave_pictures() -> None:
    """Before another page is gone to: note whether pictures of this one were at work."""
    st.session_state.left_at_work = bool(st.session_state.get("filling"))


def settle_in() -> None:
    """After a page that was gone to from pictures at work: draw it once more.

    Their next slice may have been asked for meanwhile. Streamlit would run that after this page, find that the slice is
    none of it, and leave the screen empty; a whole run in its place keeps the page.
    """
    if st.session_state.pop("left_at_work", False):
        draw_again()


def fill(name: str, points: Sequence[Point], draw: Draw, what: str, needs: bool = True) -> None:
    """Draw a picture of the points there are, and go on until all are there.

    Parameters
    ----------
    name : str
        Of the picture.
    points : sequence of Point
        In the order in which they are wanted.
    draw : callable
        Draws what is there (`Draw`).
    what : str
        What is being computed, for the line of progress.
    needs : bool
        Whether the picture is nothing without its first point.
    """
    kept = results()
    asked = stamp_of(*(point.key for point in points))
    if st.session_state.get(f"{name}_asked") != asked:
        st.session_state[f"{name}_asked"] = asked
        _go_on(name)
    idle = st.session_state.get(f"{name}_held") or not _missing(name, points, kept)
    if not idle:
        st.session_state.filling.add(name)
    st.fragment(_fill, run_every=None if idle else _PAUSE)(name, points, draw, what, needs)


def _missing(name: str, points: Sequence[Point], kept: Results) -> list[Point]:
    """What is still to be computed; what could not be is left until a person asks for it."""
    failed = st.session_state.get(f"{name}_failed", {})
    return [point for point in points if point.key not in kept and point.key not in failed]


def _fill(name: str, points: Sequence[Point], draw: Draw, what: str, needs: bool) -> None:
    kept, state = results(), st.session_state
    context = get_script_run_ctx()
    slice_of_its_own = bool(context and context.fragment_ids_this_run)
    held = bool(state.get(f"{name}_held"))
    missing = _missing(name, points, kept)
    if missing and not held:
        bare = needs and len(missing) == len(points)
        _work(name, missing, _SLICE if slice_of_its_own else AT_ONCE, slice_of_its_own or bare)
        missing = _missing(name, points, kept)
    there = stamp_of(*(point.key for point in points if point.key in kept))
    draw([kept.get(point.key) for point in points], there)
    if missing and not held:
        _progress(name, points, missing, what)
        if slice_of_its_own and name not in state.filling:
            # It was told to go on: only a whole run begins a series of slices.
            draw_again()
        return
    _rest(name, points, missing, what)
    if name in state.filling:
        state.filling.discard(name)
        if not state.filling and slice_of_its_own:
            # The last one is through: a whole run ends the series of slices.
            draw_again()


def _work(name: str, missing: Sequence[Point], seconds: float, at_least_one: bool) -> None:
    """Compute points until the time is over."""
    state, kept = st.session_state, results()
    if f"{name}_began" not in state:
        state[f"{name}_began"] = (time.monotonic(), sum(point.cost for point in missing))
        state[f"{name}_worked"] = 0.0
    start = time.monotonic()
    until = start + seconds
    for done, point in enumerate(missing):
        if time.monotonic() >= until and not (at_least_one and not done):
            break
        try:
            kept.put(point.key, point.make())
        except ImprintError as error:
            state.setdefault(f"{name}_failed", {})[point.key] = str(error)
    state[f"{name}_worked"] += time.monotonic() - start


def _progress(name: str, points: Sequence[Point], missing: Sequence[Point], what: str) -> None:
    """How far a picture is, where that takes longer than a moment."""
    began, cost = st.session_state.get(f"{name}_began", (time.monotonic(), 0.0))
    spent = time.monotonic() - began
    if spent < _SILENT:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    to_do = sum(point.cost for point in missing)
    done = cost - to_do
    # Pictures take turns; the first points say little, for they also open what the others use.
    ahead = (
        st.session_state.get(f"{name}_worked", 0.0) * to_do / done * len(st.session_state.filling) if done > 0 else 0
    )
    remaining = f", about {max(1, round(ahead))} s left" if ahead > 0 and done > 0.05 * cost else ""
    there, count = len(points) - len(missing), len(points)
    left.progress(there / count, text=f"{what}: {there} of {count}{remaining}")
    right.button("Stop", key=f"{name}_stop", on_click=_stop, args=(name,), width="stretch")


def _rest(name: str, points: Sequence[Point], missing: Sequence[Point], what: str) -> None:
    """What a stopped picture lacks, or one of which something could not be computed."""
    failed = st.session_state.get(f"{name}_failed", {})
    if not missing and not failed:
        return
    left, right = st.columns([4, 1], vertical_alignment="center")
    said = [f"{what}: stopped at {len(points) - len(missing) - len(failed)} of {len(points)}."] if missing else []
    said += [plain(reason) for reason in dict.fromkeys(failed.values())]
    left.caption(" ".join(said))
    right.button("Go on" if missing else "Try again", key=f"{name}_on", on_click=_go_on, args=(name,), width="stretch")


def _stop(name: str) -> None:
    st.session_state[f"{name}_held"] = True


def _go_on(name: str) -> None:
    for memory in ("held", "failed", "began"):
        st.session_state.pop(f"{name}_{memory}", None)
