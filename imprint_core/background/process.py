"""Background jobs in separate processes: a page starts, watches, stops and resumes them.

The state of a job is on disk. So every window shows the same jobs, a new server finds those that an earlier one
started, and embeddings started from the command line appear as well.
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

from imprint_core.background.locks import ACTIVITIES, is_locked
from imprint_core.background.progress import Progress, read_progress
from imprint_core.errors import ImprintError
from imprint_core.files import write_atomically

_ARGUMENTS = "arguments.json"
_SUFFIX = ".partial"
_ROOT = Path(__file__).resolve().parents[2]

# Processes started here, and their last error messages: the only place left for those on a full disk.
_started: dict[tuple[Path, str], subprocess.Popen[str]] = {}
_errors: dict[tuple[Path, str], str] = {}
# Jobs whose process is being started; one start at a time.
_starting: set[tuple[Path, str]] = set()
_start_lock = Lock()


@dataclass(frozen=True)
class BackgroundJob:
    """An unfinished job: its name, unique in the folder of its results, and the command and arguments that resume it.

    The error is the message with which it stopped; empty while it runs or when a user stopped it.
    """

    name: str
    folder: Path
    command: str
    arguments: tuple[str, ...]
    running: bool
    progress: Progress
    error: str


def record_command(partial: Path, command: str, arguments: Sequence[str]) -> None:
    """Write the command that resumes a job beside its partial results."""
    write_atomically(partial / _ARGUMENTS, json.dumps([command, *arguments]).encode())


def find_jobs(folder: Path) -> list[BackgroundJob]:
    """Unfinished embeddings in `folder`."""
    return [read_job(folder, partial.name.removesuffix(_SUFFIX)) for partial in sorted(folder.glob(f"*__*{_SUFFIX}"))]


def job_folder(folder: Path, name: str) -> Path:
    """Folder of a job's command, progress and partial results."""
    return folder / f"{name}{_SUFFIX}"


def read_job(folder: Path, name: str) -> BackgroundJob:
    """State of a job, read from disk."""
    partial = job_folder(folder, name)
    try:
        command, *arguments = json.loads((partial / _ARGUMENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Killed before the command was recorded; a new start uses the folder.
        command, arguments = "embed", []
    if command not in ACTIVITIES:
        # Version 1 recorded the arguments of embeddings alone.
        command, arguments = "embed", [command, *arguments]
    running = _is_running(folder, name)
    progress = read_progress(partial)
    error = "" if running else progress.error or _errors.get((folder, name), "")
    return BackgroundJob(name, folder, command, tuple(arguments), running, progress, error)


def start_job(folder: Path, name: str, arguments: Sequence[str], command: str = "embed") -> None:
    """Start or resume a job in a separate process that outlives the caller.

    The command is a key of `ACTIVITIES`; it takes `--quiet` and `--low-priority`, and locks the job while it runs.
    Raises an `ImprintError` if a process already works on the job, or the folder of its results is not writable.
    """
    with _start_lock:
        if _is_running(folder, name):
            raise ImprintError(f"The {ACTIVITIES[command]} '{name}' is already running. Wait for it, or stop it first.")
        _starting.add((folder, name))
        try:
            # Before the process starts, so that every window shows the job at once.
            record_command(job_folder(folder, name), command, arguments)
            write_atomically(job_folder(folder, name) / "progress.json", b"{}")
            _errors.pop((folder, name), None)
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "imprint_core", command, *arguments, "--quiet", "--low-priority"],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                # A separate session, so that stopping the server does not stop the job.
                start_new_session=True,
            )
            _started[folder, name] = process
        finally:
            _starting.discard((folder, name))
    Thread(target=_record_error, args=(folder, name, process), daemon=True).start()


def _is_running(folder: Path, name: str) -> bool:
    """Whether a process works on the job; one started here counts before it has taken the lock."""
    process = _started.get((folder, name))
    started_here = (folder, name) in _starting or (process is not None and process.poll() is None)
    return started_here or is_locked(folder, name)


def _record_error(folder: Path, name: str, process: subprocess.Popen[str]) -> None:
    _, stderr = process.communicate()
    lines = [line for line in stderr.splitlines() if line.strip()]
    if process.returncode > 0 and lines:
        _errors[folder, name] = lines[-1]
    elif process.returncode == -getattr(signal, "SIGKILL", 9):  # Windows has none.
        _errors[folder, name] = (
            "The system ended the process, possibly for lack of memory. Finished work is kept; resume it."
        )


def stop_job(job: BackgroundJob) -> None:
    """End the process of a job; its partial results are kept."""
    process = _started.get((job.folder, job.name))
    if process is not None and process.poll() is None:
        process.terminate()
    # Only while the lock is held does the number surely belong to the job's process.
    elif is_locked(job.folder, job.name) and job.progress.pid:
        with suppress(ProcessLookupError):
            os.kill(job.progress.pid, signal.SIGTERM)


def discard_job(job: BackgroundJob) -> None:
    """Delete the partial results of a stopped job.

    Raises an `ImprintError` if a process works on it, or its files can't be deleted.
    """
    if _is_running(job.folder, job.name):
        raise ImprintError(f"The {ACTIVITIES[job.command]} '{job.name}' is still running. Stop it first.")
    try:
        shutil.rmtree(job_folder(job.folder, job.name))
    except OSError as error:
        raise ImprintError(
            f"'{job_folder(job.folder, job.name)}' could not be removed ({error.strerror}). Delete it yourself."
        ) from error
