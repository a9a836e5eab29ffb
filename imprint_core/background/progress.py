"""How far a job is, told on disk: any process can see it, and only one can run it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from imprint_core.embeddings.store import write_whole
from imprint_core.errors import ImprintError

_FILE = "progress.json"
# Short enough for a bar that moves, long enough to cost nothing.
_EVERY = 0.5


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    stage : str
        What it is doing.
    done, total : int
        Images embedded, or other steps; both 0 before they are counted.
    rate : float
        Images or steps a second in this run; 0 where not known yet.
    pid : int
        The process that runs it, or ran it last.
    error : str
        The sentence with which it ended; empty where it didn't.
    """

    stage: str = "starting"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    pid: int = 0
    error: str = ""

    @property
    def remaining(self) -> float | None:
        """Seconds left at this rate; None where it isn't known."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


class Reporter:
    """Keeps `progress.json` in a job's folder true while the job runs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._now = Progress(pid=os.getpid())
        self._began: tuple[float, int] | None = None
        self._written = 0.0

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, ImprintError):
            # On a full disk not even this can be written; whoever started the job reads it from the process.
            with suppress(ImprintError):
                self._tell(error=str(error))

    def stage(self, name: str) -> None:
        """Say what is being done."""
        if name != self._now.stage:
            self._tell(stage=name)

    def count(self, done: int, total: int, stage: str = "embedding") -> None:
        """Say how many images are embedded, or how many steps of something else are done."""
        now = time.monotonic()
        if self._began is None:
            # Images of an earlier run count as done, but not towards the rate.
            self._began = now, done
        since, before = self._began
        rate = (done - before) / (now - since) if done > before else 0.0
        if now - self._written >= _EVERY or done == total or stage != self._now.stage:
            self._tell(stage=stage, done=done, total=total, rate=rate)
            self._written = now

    def _tell(self, **changes: object) -> None:
        self._now = Progress(**{**asdict(self._now), **changes})
        write_whole(self._path, json.dumps(asdict(self._now)).encode())


def read_progress(folder: Path) -> Progress:
    """What the job of a folder said last; a fresh one where it said nothing that can be read."""
    try:
        return Progress(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Progress()


@contextmanager
def hold(folder: Path, name: str, doing: str = "embedded") -> Iterator[None]:
    """Be the only process that works on `name`; the system lets go when the process ends, however it does.

    Raises
    ------
    ImprintError
        If another one does.
    """
    import filelock

    lock = filelock.FileLock(_lock(folder, name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A moment's patience, for `held` takes the lock to see whether it is free.
        lock.acquire(timeout=1)
    except filelock.Timeout:
        raise ImprintError(
            f"'{name}' is being {doing} already, by another window or command; wait for it, or stop it there."
        ) from None
    except OSError as error:
        raise ImprintError(f"'{folder}' can't be written to ({error.strerror}); choose another folder.") from error
    try:
        yield
    finally:
        lock.release()


def held(folder: Path, name: str) -> bool:
    """Whether some process works on `name`."""
    import filelock

    path = _lock(folder, name)
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True


def unlock(folder: Path, name: str) -> None:
    """Delete the lock's file, by the process that holds it: where names are many, they would pile up."""
    _lock(folder, name).unlink(missing_ok=True)


def _lock(folder: Path, name: str) -> Path:
    return folder / f".{name}.lock"
