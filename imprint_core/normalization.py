"""NORM: what is done to a vector's length before GEN (pre), after it (post) and at inference (inf)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Normalization:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps vectors (..., d) to vectors (..., d).
    scale : callable
        Maps squared lengths (...) to the factor that `function` multiplies each vector with,
        so that inner products can be normalised without their vectors.
    """

    label: str
    help: str
    function: Callable[[Array], Array]
    scale: Callable[[Array], Array]


def l2_scale(squared_lengths: Array) -> Array:
    """One over the length; 0 for a zero vector, which so stays zero."""
    lengths = np.sqrt(np.maximum(squared_lengths, 0))
    return np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def l2(x: Array) -> Array:
    """Scale every vector (..., d) to length 1; a zero vector stays zero.

    Dividing by the largest entry first keeps the squares of huge and tiny values finite.
    """
    peak = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    x = np.divide(x, peak, out=np.zeros_like(x), where=peak > 0)
    return x * l2_scale(np.einsum("...d,...d->...", x, x))[..., None]


def identity(x: Array) -> Array:
    """Leave the vectors as they are."""
    return x


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization("none", "Vectors keep their lengths.", identity, np.ones_like),
    "l2": Normalization("L2", "Every vector is scaled to length 1 (paper, NORM).", l2, l2_scale),
}
