"""Results that all sessions share: cached by what they depend on, computed once, and bounded by bytes.

Streamlit's caches bound the number of values, and take about 0.3 ms to identify the arguments of each call.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from imprint_core.evaluation.lru_cache import LruCache

P = ParamSpec("P")
T = TypeVar("T")
# How arguments of a type are identified; others are identified by their values.
Keys = dict[type, Callable[[Any], Hashable]]

_caches: list[LruCache[Any]] = []
# The largest size of all caches together. A class on five sets and two whitenings needs most of it; if too little is
# kept, evaluators are made again at each move.
MOST_CACHED = 800 * 2**20


def shared_values(megabytes: float, grows: bool = False) -> LruCache[Any]:
    """Return an empty cache for all sessions; see `shared_cache`."""
    cache = LruCache[Any](megabytes=megabytes, grows=grows)
    _caches.append(cache)
    return cache


def shared_cache(
    megabytes: float, keys: Keys | None = None, grows: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Cache the results of a function for all sessions; whoever receives a result must not change it.

    Parameters
    ----------
    megabytes : float
        The largest size of all results; the least recently used ones are dropped.
    keys : dict of type to callable, optional
        The part of an argument that the result depends on.
    grows : bool
        Whether results grow after they are returned.
    """
    identify = keys or {}

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        # In a tuple, because a result may be None.
        cache: LruCache[tuple[T]] = shared_values(megabytes, grows)

        @wraps(function)
        def cached(*args: P.args, **kwargs: P.kwargs) -> T:
            key = tuple(identify[type(arg)](arg) if type(arg) in identify else arg for arg in args)
            entry = (key, tuple(kwargs.items()))
            result = cache.find(entry)
            if result is None:
                result = cache.get(entry, lambda: (function(*args, **kwargs),))
            return result[0]

        return cached

    return decorate


def limit_caches(most_bytes: float = MOST_CACHED) -> None:
    """Drop the least recently used values of the largest caches until all caches together are small enough.

    It looks at every cached object, so it is called at intervals (`ui.server.process`), not for every result.
    """
    # Arrays that several caches refer to count once.
    counted = set[int]()
    sizes = {cache: cache.limit(counted) for cache in _caches}
    totals = {cache: sum(values.values()) for cache, values in sizes.items()}
    excess = sum(totals.values()) - most_bytes
    # The only value of a cache is in use.
    while excess > 0 and (several := [cache for cache in _caches if len(cache) > 1]):
        largest = max(several, key=lambda cache: totals[cache])
        dropped = sizes[largest].get(largest.drop_oldest(), 0)
        totals[largest] -= dropped
        excess -= dropped


def clear_shared_caches() -> None:
    """Drop all results."""
    for cache in _caches:
        cache.clear()
