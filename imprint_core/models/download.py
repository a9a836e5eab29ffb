"""Official weights downloaded aside, by a process of their own: a page starts, watches and stops it."""

from __future__ import annotations

import shutil

from imprint_core.background.process import RunningJob, job_folder, read_job, start_job
from imprint_core.background.progress import Reporter, hold, unlock
from imprint_core.models.registry import FoundationModel
from imprint_core.models.weights import unfinished
from imprint_core.paths import weights_folder


def begin_fetch(fm: FoundationModel) -> None:
    """Have an FM's official weights downloaded.

    Raises
    ------
    ImprintError
        If they are being downloaded already, or the weights folder can't be written to.
    """
    start_job(weights_folder(), fm.name, ["--fm", fm.name], "fetch")


def fetching(fm: FoundationModel) -> RunningJob | None:
    """The download that was begun and isn't through; None where there is none."""
    return read_job(weights_folder(), fm.name) if job_folder(weights_folder(), fm.name).is_dir() else None


def fetch(fm: FoundationModel) -> None:
    """Download official weights, in the process that `begin_fetch` started.

    Raises
    ------
    ImprintError
        If they can't be had, or another process is at it.
    """
    from imprint_core.models.loading import load_model

    folder = weights_folder()
    with hold(folder, fm.name, "downloaded"):
        # What a download that was stopped left behind: torch begins from nothing.
        for file in unfinished(fm):
            if fm.library == "torchvision":
                file.unlink(missing_ok=True)
        with Reporter(job_folder(folder, fm.name)) as reporter:
            reporter.stage("downloading")
            load_model(fm)
        shutil.rmtree(job_folder(folder, fm.name), ignore_errors=True)
        unlock(folder, fm.name)
