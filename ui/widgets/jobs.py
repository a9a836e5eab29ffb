"""Unfinished embeddings, running or stopped: the same in every window, because their state is on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from imprint_core.background.process import BackgroundJob, discard_job, find_jobs, start_job, stop_job
from imprint_core.datasets import Dataset, dataset
from imprint_core.embeddings.store import set_name
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel
from imprint_core.paths import data_folder, user_folder
from ui.server.classroom import is_teacher, require_teacher
from ui.text.labels import label_of_fm
from ui.text.markdown import plain

# Seconds between two updates, while a job runs and while none does: another window or a command may start one.
_BUSY, _IDLE = 1.0, 3.0

T = TypeVar("T")


def show_jobs() -> None:
    """Draw the unfinished embeddings, and keep them up to date; in classroom mode for the teacher only."""
    if not is_teacher():
        return
    running = any(job.running for job in find_jobs(user_folder()))
    st.fragment(_show_panel, run_every=_BUSY if running else _IDLE)()


def start_embedding(fm: FoundationModel, data: Dataset, train: int | str, test: int | str) -> None:
    """Start an embedding in the background and rerun the page; `train` and `test` are samples per class or "all"."""
    arguments = ["--fm", fm.name, "--dataset", data.name, "--data-root", str(data_folder())]
    # The page says so where a set exists.
    arguments += ["--out", str(user_folder()), "--replace"]
    arguments += [] if train == "all" else ["--per-class", str(train)]
    arguments += [] if test == "all" else ["--test-per-class", str(test)]
    try:
        require_teacher("Embedding a dataset")
        start_job(user_folder(), set_name(fm.name, data.name), arguments)
    except ImprintError as error:
        st.error(plain(error))
    else:
        st.rerun()


def run_action(action: Callable[[T], None], target: T, panel: str = "") -> None:
    """Run the action of a button in a panel, where `show_job_error` shows its error at the rerun."""
    try:
        action(target)
    except ImprintError as error:
        st.session_state.job_error, st.session_state.job_error_panel = str(error), panel


def show_job_error(panel: str) -> None:
    """Show the error of the last button action, once, if the button is in this panel."""
    if "job_error" in st.session_state and st.session_state.job_error_panel == panel:
        st.error(plain(st.session_state.pop("job_error")))


def _show_panel() -> None:
    jobs = find_jobs(user_folder())
    state = {(job.name, job.running) for job in jobs}
    if st.session_state.get("jobs_state", state) != state:
        # A job started or ended, perhaps in another window: other parts of the page change, too.
        st.session_state.jobs_state = state
        st.rerun()
    st.session_state.jobs_state = state
    for job in jobs:
        with st.container(border=True):
            _show_job(job)
    # Of a job that ended meanwhile.
    show_job_error("jobs")


def _show_job(job: BackgroundJob) -> None:
    fm = job.name.partition("__")[0]
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.markdown(f"**{plain(label_of_fm(fm))} on {plain(_dataset_label(job))}**")
    progress = job.progress
    left.progress(progress.done / progress.total if progress.total else 0.0, text=_describe_progress(job))
    if job.running:
        right.button("Stop", key=f"stop_{job.name}", on_click=run_action, args=(_stop, job, "jobs"), width="stretch")
        return
    if job.error:
        left.error(plain(job.error))
    if job.arguments:
        arguments = {"on_click": run_action, "args": (_resume, job, "jobs")}
        right.button("Resume", key=f"resume_{job.name}", width="stretch", type="primary", **arguments)
    right.button(
        "Discard", key=f"discard_{job.name}", on_click=run_action, args=(_discard, job, "jobs"), width="stretch"
    )


def _dataset_label(job: BackgroundJob) -> str:
    """Label of a job's dataset: one of the table, the user's images, or at a path."""
    name = job.name.partition("__")[2]
    try:
        return dataset(name).label
    except ImprintError:
        arguments = dict(zip(job.arguments, job.arguments[1:], strict=False))
        return Path(arguments.get("--dataset", name)).stem


def _describe_progress(job: BackgroundJob) -> str:
    progress = job.progress
    parts = [f"{progress.done:,} of {progress.total:,} images"] if progress.total else []
    if not job.running:
        return " · ".join(["stopped", *parts])
    if progress.stage != "embedding":
        parts.append(progress.stage)
    elif progress.remaining is not None:
        parts += [f"{progress.rate:.0f} per second", _format_remaining(progress.remaining)]
    return " · ".join(parts or ["starting"])


def _format_remaining(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left" if seconds < 5400 else f"about {seconds / 3600:.1f} h left"


def _stop(job: BackgroundJob) -> None:
    require_teacher("Stopping an embedding")
    stop_job(job)


def _discard(job: BackgroundJob) -> None:
    require_teacher("Discarding an embedding")
    discard_job(job)


def _resume(job: BackgroundJob) -> None:
    require_teacher("Resuming an embedding")
    start_job(job.folder, job.name, job.arguments, job.command)
