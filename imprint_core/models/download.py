"""Downloads of official weights as background jobs."""

from __future__ import annotations

import shutil

from imprint_core.background.locks import lock_job, remove_lock_file
from imprint_core.background.process import BackgroundJob, job_folder, read_job, start_job
from imprint_core.background.progress import ProgressReporter
from imprint_core.models.libraries import LIBRARIES
from imprint_core.models.registry import FoundationModel
from imprint_core.paths import weights_folder


def start_download(fm: FoundationModel) -> None:
    """Download an FM's official weights in the background.

    Raises an `ImprintError` if the download is already running, or the weights folder is not writable.
    """
    start_job(weights_folder(), fm.name, ["--fm", fm.name], "fetch")


def unfinished_download(fm: FoundationModel) -> BackgroundJob | None:
    """The running or stopped download of an FM's weights, or None."""
    return read_job(weights_folder(), fm.name) if job_folder(weights_folder(), fm.name).is_dir() else None


def downloaded_bytes(fm: FoundationModel) -> int:
    """Bytes of an unfinished download so far."""
    files = LIBRARIES[fm.library].partial_downloads(fm)
    return sum(file.stat().st_size for file in files if file.exists())


def download_weights(fm: FoundationModel) -> None:
    """Download official weights, in the process that `start_download` started.

    Raises an `ImprintError` if they are unavailable, or another process downloads them.
    """
    from imprint_core.models.loading import load_model

    folder, library = weights_folder(), LIBRARIES[fm.library]
    with lock_job(folder, fm.name, "fetch"):
        if not library.resumes_downloads:
            for file in library.partial_downloads(fm):
                file.unlink(missing_ok=True)
        with ProgressReporter(job_folder(folder, fm.name)) as reporter:
            reporter.report_stage("downloading")
            load_model(fm)
        shutil.rmtree(job_folder(folder, fm.name), ignore_errors=True)
        remove_lock_file(folder, fm.name)
