"""Background jobs that compute maps in a separate process, so that no page waits for UMAP or imports it.

A job is one normalisation of one set and a list of layouts. Each finished map is saved at once, so a stopped job
resumes after it. Arguments and progress are in `maps/<digest>/<name>.partial/` until the job is finished.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from imprint_core.background.locks import lock_job, remove_lock_file
from imprint_core.background.process import job_folder, read_job, start_job, stop_job
from imprint_core.background.progress import ProgressReporter
from imprint_core.embeddings.store import EXPLORED, SetInfo, maps_folder, open_set
from imprint_core.errors import ImprintError
from imprint_core.maps.layouts import Layout, ProgressCallback, ignore_progress
from imprint_core.maps.store import compute_map, load_map, save_map, user_map_path

# Progress steps per map.
_STEPS = 1000
# Seconds to wait for a process to stop.
_STOP_TIMEOUT = 5.0
_ENDED = "The process that computed the map ended early. Start it again; finished maps are kept."


@dataclass(frozen=True)
class MapJob:
    """State of a job: the completed fraction of all layouts, and why it ended (empty while it runs)."""

    running: bool
    stage: str
    share: float
    error: str


def start_map_job(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Start a process that computes and saves maps in this order, unless one already runs; saved ones are skipped.

    Raises
    ------
    ImprintError
        If the user's folder is not writable or the set was removed.
    """
    if not info.path.is_file():
        raise _removed(info)
    name = _name(norm, layouts)
    keys = [layout.key for layout in layouts]
    arguments = ["--set", str(info.path.resolve()), "--norm", norm, "--layout", *keys]
    try:
        start_job(maps_folder(info), name, arguments, "maps")
    except ImprintError:
        # Another window may have started it first.
        if not read_job(maps_folder(info), name).running:
            raise


def read_map_job(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> MapJob | None:
    """The job of these layouts; None if it was never started, or is finished or stopped."""
    folder, name = maps_folder(info), _name(norm, layouts)
    # In this order, because a job deletes its folder before it ends.
    job = read_job(folder, name)
    if not job_folder(folder, name).is_dir():
        return None
    share = job.progress.done / job.progress.total if job.progress.total else 0.0
    return MapJob(job.running, job.progress.stage, share, "" if job.running else job.error or _ENDED)


def stop_map_job(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Stop a job and delete its folder; finished maps stay.

    Raises
    ------
    ImprintError
        If the process does not stop, or another window starts the same job at this moment.
    """
    folder, name = maps_folder(info), _name(norm, layouts)
    if not job_folder(folder, name).is_dir():
        return
    deadline = time.monotonic() + _STOP_TIMEOUT
    while (job := read_job(folder, name)).running:
        if time.monotonic() > deadline:
            raise ImprintError(f"Process {job.progress.pid}, which computes the map, does not stop. Kill it.")
        # Repeated, because a process that has just started has not written its id yet.
        stop_job(job)
        time.sleep(0.02)
    with lock_job(folder, name, "maps"):
        _delete_job(info, norm, layouts)


def compute_maps(
    info: SetInfo, norm: str, layouts: Sequence[Layout], progress: ProgressCallback = ignore_progress
) -> None:
    """Compute and save the missing maps; the function that a job's process runs.

    Raises
    ------
    ImprintError
        If another process runs the same job, the set is damaged or removed, or the disk is full.
    """
    folder, name = maps_folder(info), _name(norm, layouts)
    with lock_job(folder, name, "maps"):
        # The job's folder is deleted after the reporter has closed and before the lock is released.
        try:
            with ProgressReporter(job_folder(folder, name)) as reporter:
                _compute_missing(info, norm, layouts, reporter, progress)
        except KeyboardInterrupt:
            _delete_job(info, norm, layouts)
            raise
        except ImprintError:
            if info.path.is_file():
                raise
            _delete_job(info, norm, layouts)
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()
            raise _removed(info) from None
        _delete_job(info, norm, layouts)


def _compute_missing(
    info: SetInfo, norm: str, layouts: Sequence[Layout], reporter: ProgressReporter, progress: ProgressCallback
) -> None:
    reporter.report_stage("reading the embeddings")
    embeddings = open_set(info, EXPLORED)
    for done, layout in enumerate(layouts):

        def report(stage: str, share: float, done: int = done) -> None:
            reporter.report_count(round(_STEPS * (done + share)), _STEPS * len(layouts), stage)
            progress(stage, (done + share) / len(layouts))

        if load_map(embeddings, norm, layout) is None:
            base = compute_map(embeddings, norm, layout, report)
            if not info.path.is_file():
                raise _removed(info)
            save_map(info, base)


def _delete_job(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Delete a job's folder, its lock and the temporary files of a killed process."""
    folder, name = maps_folder(info), _name(norm, layouts)
    for layout in layouts:
        for path in folder.glob(f".{user_map_path(info, norm, layout).name}.*.tmp"):
            path.unlink(missing_ok=True)
    shutil.rmtree(job_folder(folder, name), ignore_errors=True)
    remove_lock_file(folder, name)


def _name(norm: str, layouts: Sequence[Layout]) -> str:
    """Name of the job of these layouts, in any order."""
    keys = sorted({layout.key for layout in layouts})
    several = f"{len(keys)}_{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:12]}"
    return f"{norm}.{keys[0] if len(keys) == 1 else several}"


def _removed(info: SetInfo) -> ImprintError:
    return ImprintError(f"The embedding set '{info.path.stem}' was removed meanwhile. Choose another.")
