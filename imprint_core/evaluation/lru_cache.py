"""A thread-safe cache of the most recently used values, each computed by one thread at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from math import inf
from threading import Lock
from types import FunctionType, ModuleType
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


# Bytes of an object besides its content, roughly; and of a value that is searched for arrays that others refer to.
_OVERHEAD, _LARGE = 64, 2**20


class LruCache(Generic[T]):
    """Keep the most recently used values by their keys; no value is None.

    Parameters
    ----------
    entries : int, optional
        The largest number of values.
    megabytes : float, optional
        The largest size of all values. The last value is kept also if it is larger.
    grows : bool
        Whether values grow after they are stored, as objects with caches do. Then measuring them takes milliseconds, so
        values are only dropped in `limit`, not whenever one is stored.
    """

    def __init__(self, entries: float = inf, megabytes: float = inf, grows: bool = False) -> None:
        self._entries, self._bytes, self._grows = entries, megabytes * 2**20, grows
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._total = 0
        self._pending: dict[Hashable, Future[T]] = {}
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    def find(self, key: Hashable) -> T | None:
        """Return the value of `key`; None if it is missing."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the value of `key`; compute it if it is missing."""
        return self.get_each([key], lambda _: [compute()])[0]

    def get_each(self, keys: Sequence[Hashable], compute: Callable[[list[Hashable]], Sequence[T]]) -> list[T]:
        """Return the values of different keys; `compute` returns those of the missing ones.

        A value that another thread is computing is waited for.
        """
        pending: dict[Hashable, Future[T]] = {}
        missing: list[Hashable] = []
        values: dict[Hashable, T] = {}
        with self._lock:
            for key in keys:
                if key in self._values:
                    self._values.move_to_end(key)
                    values[key] = self._values[key]
                elif key in self._pending:
                    pending[key] = self._pending[key]
                else:
                    self._pending[key] = Future()
                    missing.append(key)
        try:
            computed = compute(missing) if missing else []
            values |= {key: self.put(key, value) for key, value in zip(missing, computed, strict=True)}
        finally:
            with self._lock:
                done = {key: self._pending.pop(key) for key in missing}
            for key, future in done.items():
                # Cancelled after an error; then each waiting thread computes the value itself.
                future.set_result(values[key]) if key in values else future.cancel()
        for key, future in pending.items():
            try:
                values[key] = future.result()
            except CancelledError:
                values[key] = self.get_each([key], compute)[0]
        return [values[key] for key in keys]

    def put(self, key: Hashable, value: T) -> T:
        """Store a value, and return it."""
        size = 0 if self._bytes == inf or self._grows else size_of(value) + size_of(key)
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            self._total += size - self._sizes.get(key, 0)
            self._sizes[key] = size
            self._drop()
        return value

    def limit(self, counted: set[int] | None = None) -> dict[Hashable, int]:
        """Drop the least recently used values until the others are small enough; return their sizes in bytes by key.

        Values that grow are measured again; large values, and all that grow, count without what is in `counted`, and
        are added to it (`size_of`). Others count as when they were stored: what they share is small.
        """
        counted = set() if counted is None else counted
        # Measured without the lock, so that nobody waits.
        sizes = {
            key: size_of(value, counted)
            for key, value in self.items()
            if self._grows or self._sizes.get(key, 0) > _LARGE
        }
        with self._lock:
            if self._grows:
                self._sizes = {key: sizes.get(key, 0) for key in self._values}
                self._total = sum(self._sizes.values())
            self._drop()
            return {key: sizes.get(key, size) for key, size in self._sizes.items()}

    def items(self) -> list[tuple[Hashable, T]]:
        """Return keys and values, the least recently used first."""
        with self._lock:
            return list(self._values.items())

    def _drop(self) -> None:
        while len(self._values) > 1 and (len(self._values) > self._entries or self._total > self._bytes):
            dropped, _ = self._values.popitem(last=False)
            self._total -= self._sizes.pop(dropped)

    def drop_oldest(self) -> Hashable | None:
        """Drop the least recently used value and return its key; None if it is the only one."""
        with self._lock:
            if len(self._values) < 2:
                return None
            dropped, _ = self._values.popitem(last=False)
            self._total -= self._sizes.pop(dropped)
            return dropped

    def clear(self) -> None:
        """Drop all values."""
        with self._lock:
            self._values.clear()
            self._sizes.clear()
            self._total = 0


def size_of(value: Any, counted: set[int] | None = None) -> int:
    """Return the size of an object and of all that it refers to in bytes, approximately: arrays and text count.

    What is in `counted`, by id, is left out; what is counted is added to it. Views count as their array.
    """
    counted = set() if counted is None else counted
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    if id(value) in counted or isinstance(value, (type, FunctionType, ModuleType)):
        return 0
    counted.add(id(value))
    if isinstance(value, np.ndarray):
        return _OVERHEAD + int(value.nbytes)
    if isinstance(value, (str, bytes, bytearray)):
        return _OVERHEAD + len(value)
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (tuple, list, set, frozenset)):
        # A copy, because another thread may change it meanwhile.
        parts = [*value]
    elif hasattr(value, "__dict__"):
        parts = list(vars(value).values())
    return _OVERHEAD + sum(size_of(part, counted) for part in parts)
