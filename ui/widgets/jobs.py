"""Extractions at work or stopped: the same in every window, for they are told on disk."""

from __future__ import annotations

import streamlit as st

from imprint_core.background.process import BackgroundJob, discard_job, find_jobs, start_job, stop_job
from imprint_core.datasets import Dataset, dataset
from imprint_core.embeddings.store import set_name
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, FoundationModel
from imprint_core.paths import data_folder, user_folder
from ui.text.markdown import plain

# Seconds between two looks at what is being done, and at whether another window or a command has begun something.
_BUSY, _IDLE = 1.0, 3.0


def show_jobs() -> None:
    """Draw every extraction that isn't finished, and keep that up to date."""
    running = any(job.running for job in find_jobs(user_folder()))
    st.fragment(_panel, run_every=_BUSY if running else _IDLE)()


def begin(fm: FoundationModel, data: Dataset, train: int | str, test: int | str) -> None:
    """Start a job, and draw the page anew with it."""
    arguments = ["--fm", fm.name, "--dataset", data.name, "--data-root", str(data_folder())]
    arguments += ["--out", str(user_folder())]
    arguments += [] if train == "all" else ["--per-class", str(train)]
    arguments += [] if test == "all" else ["--test-per-class", str(test)]
    try:
        start_job(user_folder(), set_name(fm.name, data.name), arguments)
    except ImprintError as error:
        st.error(plain(error))
    else:
        st.rerun()


def _panel() -> None:
    jobs = find_jobs(user_folder())
    state = {(job.name, job.running) for job in jobs}
    if st.session_state.get("jobs_seen", state) != state:
        # One began, ended or was taken up, perhaps in another window: the page has more to change than this panel.
        st.session_state.jobs_seen = state
        st.rerun()
    st.session_state.jobs_seen = state
    for job in jobs:
        with st.container(border=True):
            _job(job)


def _job(job: BackgroundJob) -> None:
    fm, _, data = job.name.partition("__")
    label = FOUNDATION_MODELS[fm].label if fm in FOUNDATION_MODELS else fm
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.markdown(f"**{plain(label)} on {plain(_dataset_label(data))}**")
    progress = job.progress
    left.progress(progress.done / progress.total if progress.total else 0.0, text=_how_far(job))
    if job.running:
        right.button("Stop", key=f"stop_{job.name}", on_click=stop_job, args=(job,), width="stretch")
        return
    if job.error:
        left.error(plain(job.error))
    if job.arguments:
        right.button("Go on", key=f"on_{job.name}", on_click=_try, args=(_resume, job), width="stretch", type="primary")
    right.button("Discard", key=f"off_{job.name}", on_click=_try, args=(discard_job, job), width="stretch")


def _dataset_label(name: str) -> str:
    try:
        return dataset(name).label
    except ImprintError:
        return name.removesuffix("_at")


def _how_far(job: BackgroundJob) -> str:
    progress = job.progress
    parts = []
    if progress.total:
        parts.append(f"{progress.done:,} of {progress.total:,} images")
    if not job.running:
        return " · ".join(["stopped", *parts])
    if progress.stage != "embedding":
        parts.append(progress.stage)
    elif progress.remaining is not None:
        parts += [f"{progress.rate:.0f} a second", _duration(progress.remaining)]
    return " · ".join(parts or ["starting"])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


def _resume(job: BackgroundJob) -> None:
    start_job(job.folder, job.name, job.arguments)


def _try(act: object, job: BackgroundJob) -> None:
    """Do something to a job; what goes wrong is said when the page is drawn."""
    try:
        act(job)  # type: ignore[operator]
    except ImprintError as error:
        st.session_state.jobs_problem = str(error)


def show_problem() -> None:
    """Say what went wrong at the last click, once."""
    problem = st.session_state.pop("jobs_problem", "")
    if problem:
        st.error(plain(problem))
