"""AGG: from a sample's similarities with all proxies to one score a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.normalization import Array


@dataclass(frozen=True)
class Aggregation:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps similarities (p, m), rows ordered by class, and each class's first row (C,) to
        scores (C, m).
    """

    label: str
    help: str
    function: Callable[[Array, NDArray[np.intp]], Array]


def maximum(similarities: Array, starts: NDArray[np.intp]) -> Array:
    """The similarity of each class's nearest proxy: similarities (p, m) → scores (C, m)."""
    return np.maximum.reduceat(similarities, starts, axis=0)


AGGREGATIONS: dict[str, Aggregation] = {
    "max": Aggregation(
        "max",
        "The class of the proxy with the largest inner product wins (paper, AGG).",
        maximum,
    )
}
