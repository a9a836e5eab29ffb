"""A thread-safe cache of the most recently used values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class LruCache(Generic[T]):
    """Keep the `size` most recently used values by their keys; no value is None."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
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
        value = self.find(key)
        return self.put(key, compute()) if value is None else value

    def put(self, key: Hashable, value: T) -> T:
        """Store a value, and return it."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
