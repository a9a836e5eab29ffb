"""Settings of the server process: garbage is collected when nobody waits, BLAS has one thread, malloc two heaps."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from contextlib import suppress
from functools import cache

from imprint_core.background.threads import single_blas_thread
from ui.server.visitor_uploads import delete_left_uploads

# Seconds between two looks at the process.
_INTERVAL = 0.5
# The process is idle if it uses less than this share of a core.
_IDLE_SHARE = 0.1
# Seconds of computing after which garbage is collected.
_WORK = 1.0
# Seconds of computing after which freed memory is returned to the system, also while visitors wait.
_RELEASE = 3.0
# Imported modules after which they are exempted from collections.
_MANY_MODULES = 50
# Number of this setting in glibc's malloc.h, and its value.
_M_ARENA_MAX, _HEAPS = -8, 2


@cache
def prepare_process() -> None:
    """Apply the settings, once per process."""
    # Threads of BLAS compete with those of other sessions: under load they spin on cores that others need.
    # The variable is for libraries that are loaded later, and for background processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    single_blas_thread()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        # Every thread would get its own heap, and each keeps memory that was freed.
        libc.mallopt(_M_ARENA_MAX, _HEAPS)
    delete_left_uploads()
    threading.Thread(target=_collect_when_idle, name="garbage", daemon=True).start()


def release_memory() -> None:
    """Return freed memory to the system: under load, glibc keeps several hundred megabytes of dropped results."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _collect_when_idle() -> None:
    """Collect garbage whenever the process is idle after work; Python's own collections remain for busy times."""
    modules, collected, before, released = 0, time.process_time(), time.process_time(), time.process_time()
    while True:
        time.sleep(_INTERVAL)
        now = time.process_time()
        if now - released > _RELEASE:
            release_memory()
            released = now
        idle, before = now - before < _IDLE_SHARE * _INTERVAL, now
        if not idle or now - collected < _WORK:
            continue
        if len(sys.modules) - modules >= _MANY_MODULES:
            # Objects of imported modules never become garbage, but are most of what a collection looks at.
            gc.unfreeze()
            gc.collect()
            gc.freeze()
            modules = len(sys.modules)
        else:
            gc.collect()
        collected = before = time.process_time()
