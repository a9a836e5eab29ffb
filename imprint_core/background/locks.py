"""File locks of background jobs: one process at a time works on a job.

The operating system releases a lock when its process ends, however it ends.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from imprint_core.errors import ImprintError

ACTIVITIES = {"embed": "embedding", "fetch": "download", "maps": "map computation", "sets": "import"}
"""Command of the command line → noun for its jobs in messages."""


@contextmanager
def lock_job(folder: Path, name: str, command: str) -> Iterator[None]:
    """Hold the lock of the job `name`, which writes to `folder`, created if absent; `command` is a key of `ACTIVITIES`.

    Raises an `ImprintError` if another process holds the lock, or the folder is not writable.
    """
    lock = filelock.FileLock(_lock_file(folder, name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Waits a moment, because `is_locked` takes the lock briefly to test it.
        lock.acquire(timeout=1)
    except filelock.Timeout:
        raise ImprintError(
            f"The {ACTIVITIES[command]} '{name}' is already running in another window or command. "
            "Wait for it, or stop it there."
        ) from None
    except OSError as error:
        raise ImprintError(f"'{folder}' is not writable ({error.strerror}). Choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path, name: str) -> bool:
    """Whether a process holds the lock of the job `name`."""
    path = _lock_file(folder, name)
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True


def remove_lock_file(folder: Path, name: str) -> None:
    """Delete the lock's file, called by the process that holds the lock: jobs of many names would leave many files."""
    _lock_file(folder, name).unlink(missing_ok=True)


def _lock_file(folder: Path, name: str) -> Path:
    return folder / f".{name}.lock"


@contextmanager
def scratch_folder(folder: Path, command: str) -> Iterator[Path]:
    """Create a folder in `folder` for the work of a command, and delete it at the end.

    Those of processes that were killed are deleted first. Raises an `ImprintError` if `folder` is not writable.
    """
    for left in folder.glob(".scratch-*/"):
        if not is_locked(folder, left.name):
            shutil.rmtree(left, ignore_errors=True)
            remove_lock_file(folder, left.name)
    name = f".scratch-{uuid.uuid4().hex[:12]}"
    # Locked before it exists, so no other process deletes it.
    with lock_job(folder, name, command):
        scratch = folder / name
        try:
            scratch.mkdir()
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            remove_lock_file(folder, name)
