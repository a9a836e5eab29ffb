"""Extractions and other long work as processes of their own: a page starts, watches, stops and resumes them.

What a job is and how far it is lies on disk, so every window shows the same, a new server finds what an
old one began, and the command line's extractions show up, too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from imprint_core.background.progress import Progress, held, read_progress
from imprint_core.embeddings.store import write_whole
from imprint_core.errors import ImprintError

_ARGUMENTS = "arguments.json"
_SUFFIX = ".partial"
_ROOT = Path(__file__).resolve().parents[2]

# Processes started here, and what they said last: the one place that a full disk leaves for it.
_started: dict[tuple[Path, str], subprocess.Popen[str]] = {}
_said: dict[tuple[Path, str], str] = {}
# Sets whose process is being started; one start at a time.
_starting: set[tuple[Path, str]] = set()
_start = Lock()


@dataclass(frozen=True)
class RunningJob:
    """A job that isn't finished.

    Attributes
    ----------
    name : str
        What tells it from others of its folder; of an extraction the file stem of the set that it makes.
    folder : Path
        Where what it makes will be.
    arguments : tuple of str
        Of the command that goes on with it.
    running : bool
        Whether a process works on it now.
    progress : Progress
    error : str
        Why it stopped, in a sentence; empty where it runs or was stopped on purpose.
    """

    name: str
    folder: Path
    arguments: tuple[str, ...]
    running: bool
    progress: Progress
    error: str


def note_arguments(partial: Path, arguments: Sequence[str]) -> None:
    """Keep the command with which a job goes on, beside what it has done."""
    write_whole(partial / _ARGUMENTS, json.dumps(list(arguments)).encode())


def find_jobs(folder: Path) -> list[RunningJob]:
    """Every extraction begun in `folder` and not finished."""
    return [read_job(folder, partial.name.removesuffix(_SUFFIX)) for partial in sorted(folder.glob(f"*__*{_SUFFIX}"))]


def job_folder(folder: Path, name: str) -> Path:
    """Where a job keeps what it is, how far it is, and what it has done."""
    return folder / f"{name}{_SUFFIX}"


def read_job(folder: Path, name: str) -> RunningJob:
    """One job, as it is told on disk."""
    partial = job_folder(folder, name)
    try:
        arguments = json.loads((partial / _ARGUMENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Killed before it wrote its first line; a new start takes the folder over.
        arguments = []
    running = _runs(folder, name)
    progress = read_progress(partial)
    error = "" if running else progress.error or _said.get((folder, name), "")
    return RunningJob(name, folder, tuple(arguments), running, progress, error)


def start_job(folder: Path, name: str, arguments: Sequence[str], command: str = "embed") -> None:
    """Begin, or go on with, a job in a process of its own; it outlives the caller.

    Parameters
    ----------
    folder : Path
        Where what it makes will be.
    name : str
        What tells it from others of the folder; of an extraction the file stem of the set.
    arguments : sequence of str
        Of the command.
    command : str
        One that takes `--quiet` and `--low-priority`, and holds the job's lock while it runs.

    Raises
    ------
    ImprintError
        If a process works on the same already, or the folder can't be written to.
    """
    with _start:
        if _runs(folder, name):
            raise ImprintError(f"'{name}' is being embedded already; its progress is shown here.")
        _starting.add((folder, name))
        try:
            # At once, so that every window sees the job before the process has read its first line.
            note_arguments(job_folder(folder, name), arguments)
            write_whole(job_folder(folder, name) / "progress.json", b"{}")
            _said.pop((folder, name), None)
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "imprint_core", command, *arguments, "--quiet", "--low-priority"],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                # Not among the server's own processes: stopping that one must not stop the job.
                start_new_session=True,
            )
            _started[folder, name] = process
        finally:
            _starting.discard((folder, name))
    Thread(target=_listen, args=(folder, name, process), daemon=True).start()


def _runs(folder: Path, name: str) -> bool:
    """Whether a process works on the set; one started here counts before it has taken its lock."""
    process = _started.get((folder, name))
    started_here = (folder, name) in _starting or (process is not None and process.poll() is None)
    return started_here or held(folder, name)


def _listen(folder: Path, name: str, process: subprocess.Popen[str]) -> None:
    _, said = process.communicate()
    lines = [line for line in said.splitlines() if line.strip()]
    if process.returncode > 0 and lines:
        _said[folder, name] = lines[-1]
    elif process.returncode == -signal.SIGKILL:
        _said[folder, name] = (
            "The process was ended from outside, perhaps because memory ran out; what is done is kept."
        )


def stop_job(job: RunningJob) -> None:
    """End the process of a job; what it has done is kept."""
    process = _started.get((job.folder, job.name))
    if process is not None and process.poll() is None:
        process.terminate()
    # Only while its lock is held is the number surely its own process's.
    elif held(job.folder, job.name) and job.progress.pid:
        with suppress(ProcessLookupError):
            os.kill(job.progress.pid, signal.SIGTERM)


def discard_job(job: RunningJob) -> None:
    """Delete what an extraction that isn't running has done.

    Raises
    ------
    ImprintError
        If a process works on it, or its files can't be deleted.
    """
    if _runs(job.folder, job.name):
        raise ImprintError(f"'{job.name}' is still being embedded; stop it first.")
    try:
        shutil.rmtree(job_folder(job.folder, job.name))
    except OSError as error:
        raise ImprintError(f"'{job.name}' could not be removed ({error.strerror}); delete it yourself.") from error
