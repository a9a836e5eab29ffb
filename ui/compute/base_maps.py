"""Which base map is on screen: the one asked for, or a quick one while that is being computed aside."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.maps.jobs import begin_map, map_job, stop_map
from imprint_core.maps.layouts import MAP_METHODS, Layout
from imprint_core.maps.store import BaseMap
from ui.compute import stored_maps
from ui.navigation.reruns import draw_again
from ui.text.markdown import plain

# Seconds between two looks at how far a map is.
_LOOK = 0.7
# Of a job that this session has begun and that is gone.
_ENDED = "Stopped, perhaps in another window."
Wanted = tuple[SetInfo, str, tuple[Layout, ...]]


def base_map(experiment: Experiment, layout: Layout) -> BaseMap:
    """The map to draw now; what isn't there yet is begun."""
    norm = experiment.recipe.space.shown
    found = stored_maps.current_map(experiment.info, norm, layout)
    absent = () if found.layout == layout else (layout,)
    _ask("map_wanted", experiment.info, norm, absent)
    return found


def _ask(place: str, info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Begin what is wanted now, and end what this session wanted before and no longer needs."""
    state = st.session_state
    wanted: Wanted | None = (info, norm, tuple(layouts)) if layouts else None
    before: Wanted | None = state.get(place)
    if before is not None and not _same(before, wanted):
        if map_job(*before) is not None:
            _end(before)
        state.pop(f"{place}_held", None)
    if wanted is not None and not _same(before, wanted):
        _begin(place, wanted)
    state[place] = wanted


def _same(one: Wanted | None, other: Wanted | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one[0].digest, *one[1:]) == (other[0].digest, *other[1:])


def _begin(place: str, wanted: Wanted) -> None:
    st.session_state.pop(f"{place}_held", None)
    try:
        begin_map(*wanted)
    except ImprintError as error:
        st.session_state[f"{place}_held"] = str(error)


def _end(wanted: Wanted) -> str:
    """Stop a job; gives why it doesn't stop, where it doesn't."""
    try:
        stop_map(*wanted)
    except ImprintError as error:
        return str(error)
    return ""


def _hold(place: str, wanted: Wanted) -> None:
    """Stop, and don't begin again until asked to."""
    st.session_state[f"{place}_held"] = _end(wanted) or "Stopped."


def show_progress(place: str = "map_wanted") -> None:
    """Say how far the map is that is being computed, and draw the page anew when it is there."""
    if st.session_state.get(place) is None:
        return
    running = not st.session_state.get(f"{place}_held")
    st.fragment(_progress, run_every=_LOOK if running else None)(place)


def _progress(place: str) -> None:
    wanted: Wanted | None = st.session_state.get(place)
    if wanted is None:
        return
    info, norm, layouts = wanted
    there = [stored_maps.stored_map(info, norm, layout) is not None for layout in layouts]
    if all(there):
        draw_again()
    seen = st.session_state.get(f"{place}_seen")
    st.session_state[f"{place}_seen"] = sum(there)
    if seen is not None and sum(there) > seen:
        # One more of several: the page has more to change than this line.
        draw_again()
    job = map_job(*wanted)
    label = MAP_METHODS[layouts[0].method].label
    what = f"{label} is" if len(layouts) == 1 else f"{sum(there)} of {len(layouts)} maps are there; the next one is"
    held = st.session_state.get(f"{place}_held") or (job.error if job else _ENDED)
    left, right = st.columns([4, 1], vertical_alignment="center")
    if held:
        left.caption(f"{label} is not there: {plain(held)}" if len(layouts) == 1 else plain(held))
        right.button("Compute it", key=f"{place}_again", on_click=_begin, args=(place, wanted), width="stretch")
        return
    stage, share = (job.stage, job.share) if job else ("starting", 0.0)
    left.progress(min(max(share, 0.0), 1.0), text=f"{what} being computed aside: {stage}")
    right.button("Stop", key=f"{place}_stop", on_click=_hold, args=(place, wanted), width="stretch")


def ask_for_all(experiment: Experiment, layouts: Sequence[Layout]) -> None:
    """Have several maps of the experiment's embeddings computed, one after the other."""
    info, norm = experiment.info, experiment.recipe.space.shown
    absent = [layout for layout in layouts if stored_maps.stored_map(info, norm, layout) is None]
    # All of them, so that the job stays the same while it fills in.
    _ask("maps_wanted", info, norm, layouts if absent else ())
