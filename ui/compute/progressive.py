"""Points of progressive figures, and the cache of their values that all sessions share.

`ui.charts.progressive` draws the figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from imprint_core.errors import ImprintError
from imprint_core.evaluation.lru_cache import LruCache
from ui.server.shared_cache import shared_values
from ui.server.turns import long_computation

Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Point:
    """One value of a progressive figure."""

    # Everything that the value depends on, with digests for arrays.
    key: Key
    # Returns the value within about a second: meanwhile the page does not respond.
    compute: Callable[[], Any]
    # Relative computing time.
    cost: float = 1.0


_points = shared_values(64)


def point_cache() -> LruCache[Any]:
    """Return the values of points by their keys."""
    return _points


def missing_points(points: Sequence[Point], failed: Container[Key]) -> list[Point]:
    """Return the points that have neither a value nor failed."""
    cache = point_cache()
    return [point for point in points if point.key not in cache and point.key not in failed]


def compute_points(points: Sequence[Point], seconds: float, at_least_one: bool) -> dict[Key, str]:
    """Compute points until the time is up; return the error messages of those that fail."""
    cache, errors = point_cache(), {}
    end = time.monotonic() + seconds
    for i, point in enumerate(points):
        if time.monotonic() >= end and not (at_least_one and i == 0):
            break
        try:
            with long_computation():
                cache.get(point.key, point.compute)
        except ImprintError as error:
            errors[point.key] = str(error)
    return errors
