"""Downloads as background jobs, which pages start, watch and stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imprint_core.background.locks import lock_job, remove_lock_file
from imprint_core.background.process import BackgroundJob, job_folder, read_job, start_job
from imprint_core.background.progress import ProgressReporter


@dataclass(frozen=True)
class Download:
    """A job of the command `fetch`.

    Attributes
    ----------
    folder : Path
        Folder of the result.
    name : str
        Name of the job, unique in the folder.
    arguments : tuple of str
        Arguments of the command.
    partial_files : callable
        Files of the unfinished download.
    total : int
        Bytes of the whole download; 0 where unknown.
    """

    folder: Path
    name: str
    arguments: tuple[str, ...]
    partial_files: Callable[[], Iterable[Path]]
    total: int = 0

    def start(self) -> None:
        """Start the download in the background.

        Raises an `ImprintError` if it is already running, or the folder is not writable.
        """
        start_job(self.folder, self.name, self.arguments, "fetch")

    def unfinished(self) -> BackgroundJob | None:
        """The running or stopped job, or None."""
        return read_job(self.folder, self.name) if job_folder(self.folder, self.name).is_dir() else None

    def finished_bytes(self) -> int:
        """Bytes of the unfinished download so far."""
        count = 0
        for file in self.partial_files():
            # The download may have just ended.
            with suppress(OSError):
                count += file.stat().st_size
        return count


@contextmanager
def run_download(folder: Path, name: str) -> Iterator[Path]:
    """Lock and report a download in the process that does it; yields the job's folder, deleted if nothing fails.

    Raises an `ImprintError` if another process downloads the same, or the folder is not writable.
    """
    with lock_job(folder, name, "fetch"):
        partial = job_folder(folder, name)
        with ProgressReporter(partial) as reporter:
            reporter.report_stage("downloading")
            yield partial
        shutil.rmtree(partial, ignore_errors=True)
        remove_lock_file(folder, name)
