"""The displayed map: the requested one, or PCA while that is computed in the background."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.maps.jobs import read_map_job, start_map_job, stop_map_job
from imprint_core.maps.layouts import MAP_METHODS, Layout
from imprint_core.maps.store import BaseMap
from ui.compute import stored_maps
from ui.navigation.reruns import rerun_page
from ui.server.waiting import start_waiting, stop_waiting
from ui.text.markdown import plain

# Seconds between two reads of a job's progress.
_INTERVAL = 0.7
_ENDED = "Stopped, perhaps in another window."
# Session keys of the two requests: the displayed map, and the nine layouts.
CURRENT, LAYOUTS = "map_request", "layouts_request"
Request = tuple[SetInfo, str, tuple[Layout, ...]]


def current_map(experiment: Experiment, layout: Layout) -> BaseMap:
    """Return the map to draw now; a missing one is computed in the background."""
    norm = experiment.recipe.space.base_norm
    base = stored_maps.available_map(experiment.info, norm, layout)
    _request(CURRENT, experiment.info, norm, () if base.layout == layout else (layout,))
    return base


def request_layouts(experiment: Experiment, layouts: Sequence[Layout]) -> None:
    """Have several maps of the experiment's embeddings computed in the background."""
    info, norm = experiment.info, experiment.recipe.space.base_norm
    missing = any(stored_maps.stored_map(info, norm, layout) is None for layout in layouts)
    # All of them, so that the job stays the same while maps are finished.
    _request(LAYOUTS, info, norm, layouts if missing else ())


def _request(key: str, info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Start the job of these layouts, and stop this session's previous one if it is another."""
    state = st.session_state
    request: Request | None = (info, norm, tuple(layouts)) if layouts else None
    previous: Request | None = state.get(key)
    if not _same(previous, request):
        if previous is not None:
            if stop_waiting(_job(previous)) and read_map_job(*previous) is not None:
                _stop(previous)
            state.pop(f"{key}_stopped", None)
        if request is not None:
            _start(key, request)
    state[key] = request


def _same(first: Request | None, second: Request | None) -> bool:
    if first is None or second is None:
        return first is second
    return _job(first) == _job(second)


def _job(request: Request) -> tuple[str, str, tuple[Layout, ...]]:
    """Identify the job of a request, which sets of the same tensors share."""
    info, norm, layouts = request
    return info.digest, norm, layouts


def _start(key: str, request: Request) -> None:
    st.session_state.pop(f"{key}_stopped", None)
    start_waiting(_job(request))
    try:
        start_map_job(*request)
    except ImprintError as error:
        st.session_state[f"{key}_stopped"] = str(error)


def _stop(request: Request) -> str:
    """Stop a job; return the error, or an empty text."""
    try:
        stop_map_job(*request)
    except ImprintError as error:
        return str(error)
    return ""


def _stop_on_click(key: str, request: Request) -> None:
    """Stop a job until the user starts it again."""
    error = _stop(request) if stop_waiting(_job(request)) else ""
    st.session_state[f"{key}_stopped"] = error or "Stopped."


def show_progress(key: str = CURRENT) -> None:
    """Show the progress of a job, and draw the page again when a map is available."""
    if st.session_state.get(key) is None:
        return
    running = not st.session_state.get(f"{key}_stopped")
    st.fragment(_progress, run_every=_INTERVAL if running else None)(key)


def _progress(key: str) -> None:
    request: Request | None = st.session_state.get(key)
    if request is None:
        return
    info, norm, layouts = request
    count = sum(stored_maps.stored_map(info, norm, layout) is not None for layout in layouts)
    before = st.session_state.get(f"{key}_count")
    st.session_state[f"{key}_count"] = count
    if count == len(layouts) or (before is not None and count > before):
        rerun_page()
    job = read_map_job(*request)
    label = MAP_METHODS[layouts[0].method].label
    stopped = st.session_state.get(f"{key}_stopped") or (job.error if job else _ENDED)
    left, right = st.columns([4, 1], vertical_alignment="center")
    if stopped:
        left.caption(f"{label} is not available: {plain(stopped)}" if len(layouts) == 1 else plain(stopped))
        right.button("Compute map", key=f"{key}_start", on_click=_start, args=(key, request), width="stretch")
        return
    stage, share = (job.stage, job.share) if job else ("starting", 0.0)
    which = label if len(layouts) == 1 else f"{count} of {len(layouts)} maps available; the next one"
    left.progress(min(max(share, 0.0), 1.0), text=f"{which}: computing in the background ({stage})")
    right.button("Stop", key=f"{key}_stop", on_click=_stop_on_click, args=(key, request), width="stretch")
