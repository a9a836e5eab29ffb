"""A thread-safe cache of the most recently used values, each computed by one thread at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class LruCache(Generic[T]):
    """Keep the `size` most recently used values by their keys; no value is None."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._pending: dict[Hashable, Future[T]] = {}
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

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
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
