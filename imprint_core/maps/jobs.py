"""Base maps computed aside, by a process of their own: no page waits for UMAP, and none imports it.

A job is one normalisation of one set and the layouts asked for; the maps that are ready are kept at once, so one
that was stopped goes on behind them. What it is and how far it is lies in `maps/<digest>/<name>.partial/` while it
isn't finished.
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
from imprint_core.maps.layouts import Layout, Tell, silent
from imprint_core.maps.store import compute_map, keep_map, kept_map, map_path

# Steps that a map is told in.
_STEPS = 1000
# Seconds that a process may take to end.
_PATIENCE = 5.0
_ENDED = "The process that computed the map ended before it was done; start it again, it goes on from there."


@dataclass(frozen=True)
class MapJob:
    """Maps being computed, or given up.

    Attributes
    ----------
    running : bool
        Whether a process works on them now.
    stage : str
        What it is doing.
    share : float
        How much of all layouts is done, 0 … 1.
    error : str
        Why it ended, in a sentence; empty where it runs.
    """

    running: bool
    stage: str
    share: float
    error: str


def begin_map(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Have maps computed and kept, in a process of its own, unless one is at the very same already.

    Parameters
    ----------
    info : SetInfo
    norm : str
        Key of `NORMALIZATIONS`.
    layouts : sequence of Layout
        One after the other; those kept already take no time.

    Raises
    ------
    ImprintError
        If nothing can be written to the user's folder, or the set is gone.
    """
    if not info.path.is_file():
        raise _gone(info)
    name = _name(norm, layouts)
    keys = [layout.key for layout in layouts]
    arguments = ["--set", str(info.path.resolve()), "--norm", norm, "--layout", *keys]
    try:
        start_job(maps_folder(info), name, arguments, "maps")
    except ImprintError:
        # Another window was first.
        if not read_job(maps_folder(info), name).running:
            raise


def map_job(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> MapJob | None:
    """The job of these layouts; None where there is none, be it finished, stopped or never begun."""
    folder, name = maps_folder(info), _name(norm, layouts)
    # In this order: one that finishes takes its folder away before it ends.
    job = read_job(folder, name)
    if not job_folder(folder, name).is_dir():
        return None
    share = job.progress.done / job.progress.total if job.progress.total else 0.0
    return MapJob(job.running, job.progress.stage, share, "" if job.running else job.error or _ENDED)


def stop_map(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """End a job, running or not, and forget it; the maps that it has finished stay.

    Raises
    ------
    ImprintError
        If its process doesn't end, or another window begins the same at this moment.
    """
    folder, name = maps_folder(info), _name(norm, layouts)
    if not job_folder(folder, name).is_dir():
        return
    deadline = time.monotonic() + _PATIENCE
    while (job := read_job(folder, name)).running:
        if time.monotonic() > deadline:
            raise ImprintError(f"The process {job.progress.pid} that computes the map doesn't stop; end it yourself.")
        # At every look: the number of a process that has only just started isn't told yet.
        stop_job(job)
        time.sleep(0.02)
    with lock_job(folder, name, "maps"):
        _forget(info, norm, layouts)


def make_maps(info: SetInfo, norm: str, layouts: Sequence[Layout], progress: Tell = silent) -> None:
    """Compute the maps that aren't kept yet, one after the other; what a job's process does.

    Raises
    ------
    ImprintError
        If another process is at the very same, the set is damaged or gone, or the disk is full.
    """
    folder, name = maps_folder(info), _name(norm, layouts)
    with lock_job(folder, name, "maps"):
        # Forgotten once the reporter has nothing more to say, and before the lock is free.
        try:
            with ProgressReporter(job_folder(folder, name)) as reporter:
                _make(info, norm, layouts, reporter, progress)
        except KeyboardInterrupt:
            _forget(info, norm, layouts)
            raise
        except ImprintError:
            if info.path.is_file():
                raise
            # Whoever removed the set has no use for what would be left here.
            _forget(info, norm, layouts)
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()
            raise _gone(info) from None
        _forget(info, norm, layouts)


def _make(info: SetInfo, norm: str, layouts: Sequence[Layout], reporter: ProgressReporter, progress: Tell) -> None:
    reporter.report_stage("reading the embeddings")
    embeddings = open_set(info, EXPLORED)
    for done, layout in enumerate(layouts):

        def tell(stage: str, share: float, done: int = done) -> None:
            reporter.report_count(round(_STEPS * (done + share)), _STEPS * len(layouts), stage)
            progress(stage, (done + share) / len(layouts))

        if kept_map(embeddings, norm, layout) is None:
            base = compute_map(embeddings, norm, layout, tell)
            if not info.path.is_file():
                raise _gone(info)
            keep_map(info, base)


def _forget(info: SetInfo, norm: str, layouts: Sequence[Layout]) -> None:
    """Take away a job's folder and lock, and what a killed process left of files that it was writing."""
    folder, name = maps_folder(info), _name(norm, layouts)
    for layout in layouts:
        for path in folder.glob(f".{map_path(info, norm, layout).name}.*.tmp"):
            path.unlink(missing_ok=True)
    shutil.rmtree(job_folder(folder, name), ignore_errors=True)
    remove_lock_file(folder, name)


def _name(norm: str, layouts: Sequence[Layout]) -> str:
    """What tells a job from others of the same set: the same for the same layouts, in whatever order."""
    keys = sorted({layout.key for layout in layouts})
    several = f"{len(keys)}_{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:12]}"
    return f"{norm}.{keys[0] if len(keys) == 1 else several}"


def _gone(info: SetInfo) -> ImprintError:
    return ImprintError(f"The embedding set '{info.path.stem}' was removed meanwhile; choose another.")
