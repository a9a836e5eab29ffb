"""Settings of the server process: limits of memory, BLAS on one thread, two heaps of malloc."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
import time
from functools import cache
from pathlib import Path

from imprint_core.background.threads import single_blas_thread
from ui.server.shared_cache import MOST_CACHED, limit_caches
from ui.server.visitor_uploads import delete_left_uploads

# Seconds between two looks at the process.
_INTERVAL = 0.5
# The process is idle if it uses less than this share of a core.
_IDLE_SHARE = 0.1
# Seconds of computing after which caches are limited, and garbage is collected: when idle, and in any case.
_LITTLE_WORK, _WORK, _MOST_WORK = 0.5, 1.0, 10.0
# Bytes of memory that an idle process tries to stay below, and bytes of results that it keeps in any case.
_MOST_RESIDENT, _LEAST_CACHED = 1000 * 2**20, 100 * 2**20
# Numbers of these settings in glibc's malloc.h, and their values.
_M_ARENA_MAX, _HEAPS = -8, 2
_M_MMAP_THRESHOLD, _LARGE = -3, 4 * 2**20


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
        # Otherwise arrays of up to 32 MB are put into a heap, which keeps their memory after they were freed.
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
    delete_left_uploads()
    # What is imported by now never becomes garbage, but would be most of what a collection looks at.
    gc.freeze()
    threading.Thread(target=_limit_memory, name="memory", daemon=True).start()


def _limit_memory() -> None:
    """Limit the caches after work; collect garbage when the process is idle, and now and then while it is busy.

    Dropped results hold many megabytes in few objects, of which Python's own collections take no notice. Under load,
    glibc keeps hundreds of megabytes that were freed.
    """
    collected = limited = before = time.process_time()
    while True:
        time.sleep(_INTERVAL)
        now = time.process_time()
        if now - limited > _LITTLE_WORK:
            limit_caches()
            limited = now
        idle, before = now - before < _IDLE_SHARE * _INTERVAL, now
        if now - collected > (_WORK if idle else _MOST_WORK):
            _collect()
            if idle and (excess := _resident() - _MOST_RESIDENT) > 0:
                # Under load results are needed again at once; now they can make room for what libraries need.
                limit_caches(max(_LEAST_CACHED, MOST_CACHED - excess))
                _collect()
            collected = before = time.process_time()


def _collect() -> None:
    """Collect garbage, and return free memory to the system."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _resident() -> int:
    """Return the bytes of memory that the process occupies; 0 where the system doesn't say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
