"""Parts of a computation in parallel threads, and properties that threads compute without waiting for each other."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from threadpoolctl import ThreadpoolController

S = TypeVar("S")
T = TypeVar("T")

if TYPE_CHECKING:
    from functools import cached_property

    lazy_property = cached_property
else:

    class lazy_property:  # noqa: N801
        """Property that is computed at the first access and stored in the object.

        Until Python 3.11, `functools.cached_property` holds a lock of the class while it computes, so that threads wait
        for each other also if they use different objects.
        """

        def __init__(self, function: Callable[[Any], Any]) -> None:
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self._name = name

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = instance.__dict__[self._name] = self._function(instance)
            return value


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    # SciPy brings another BLAS, which must be loaded to be limited.
    import scipy.linalg.cython_blas  # noqa: F401

    # Cached because looking for the loaded libraries takes milliseconds.
    return ThreadpoolController().select(user_api="blas")


def single_blas_thread() -> AbstractContextManager[Any]:
    """Limit BLAS to one thread, from the call on and until the context that is returned is left."""
    limits: AbstractContextManager[Any] = _blas().limit(limits=1)
    return limits


@lru_cache(maxsize=1)
def _helpers() -> tuple[ThreadPoolExecutor, int]:
    """Return the threads that help all callers, and their number: one core is the caller's."""
    count = max(1, (os.cpu_count() or 1) - 1)
    return ThreadPoolExecutor(count, thread_name_prefix="parallel"), count


_this_thread = threading.local()


@contextmanager
def on_one_core(before_each: Callable[[], None]) -> Iterator[None]:
    """Let `run_parallel` use the calling thread only, because others need the remaining cores.

    Before each item the thread calls `before_each`, in which it can wait for others.
    """
    _this_thread.before_each = before_each
    try:
        yield
    finally:
        _this_thread.before_each = None


def run_parallel(function: Callable[[S], T], items: Iterable[S]) -> list[T]:
    """Apply a function to each item in as many threads as there are cores, with BLAS on one thread.

    The caller's thread works too, so that it never waits for other callers, and a nested call for itself.
    """
    arguments = list(items)
    results: dict[int, T] = {}
    remaining = iter(range(len(arguments)))
    before_each: Callable[[], None] | None = getattr(_this_thread, "before_each", None)

    def work() -> None:
        try:
            for i in remaining:
                if before_each is not None:
                    before_each()
                results[i] = function(arguments[i])
        except BaseException:
            # No thread starts another item.
            for _ in remaining:
                pass
            raise

    pool, count = _helpers()
    with single_blas_thread():
        most = count if before_each is None else 0
        helpers = [pool.submit(work) for _ in range(min(most, len(arguments) - 1))]
        try:
            work()
        finally:
            started = [helper for helper in helpers if not helper.cancel()]
            wait(started)
    for helper in started:
        helper.result()
    return [results[i] for i in range(len(arguments))]
