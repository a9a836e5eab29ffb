"""Progress of a background job, written to disk so that every process can read it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from imprint_core.errors import ImprintError
from imprint_core.files import write_atomically

ProgressCallback = Callable[[str, float], None]
"""Called with the current stage and the finished share of the work, 0 … 1."""

_FILE = "progress.json"
# Short enough for a smooth progress bar, long enough to be cheap.
_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """Progress of a job in images or other steps; the total is 0 before they are counted, the rate 0 where unknown.

    The rate is per second in this run; `pid` is the process that runs the job or ran it last, `error` its last message.
    """

    stage: str = "starting"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    pid: int = 0
    error: str = ""

    @property
    def remaining(self) -> float | None:
        """Estimated seconds left, or None where the rate is unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None


class ProgressReporter:
    """Keeps `progress.json` in a job's folder up to date while the job runs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._progress = Progress(pid=os.getpid())
        self._start: tuple[float, int] | None = None
        self._last_write = 0.0

    def __enter__(self) -> ProgressReporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, ImprintError):
            # A full disk takes no progress file either; the starting process reads the error from stderr.
            with suppress(ImprintError):
                self._write(replace(self._progress, error=str(error)))

    def report_stage(self, stage: str) -> None:
        """Set the current stage."""
        if stage != self._progress.stage:
            self._write(replace(self._progress, stage=stage))

    def report_count(self, done: int, total: int, stage: str = "embedding") -> None:
        """Set the number of finished images or steps."""
        now = time.monotonic()
        if self._start is None:
            # Images of an earlier run count as done, but not towards the rate.
            self._start = now, done
        start_time, start_count = self._start
        rate = (done - start_count) / (now - start_time) if done > start_count else 0.0
        if now - self._last_write >= _INTERVAL_SECONDS or done == total or stage != self._progress.stage:
            self._write(replace(self._progress, stage=stage, done=done, total=total, rate=rate))
            self._last_write = now

    def _write(self, progress: Progress) -> None:
        self._progress = progress
        write_atomically(self._path, json.dumps(asdict(progress)).encode())


def read_progress(folder: Path) -> Progress:
    """Last reported progress of the job in `folder`; the initial one where none is readable."""
    try:
        return Progress(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Progress()
