"""NORM: normalisation of vectors before GEN (pre), of proxies (post) and at inference (inf)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.registry import Entry

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Normalization(Entry):
    """An entry of the table of NORM_pre and NORM_inf.

    Attributes
    ----------
    function : callable
        Maps vectors (..., d) to vectors (..., d).
    scale : callable
        Maps squared lengths (...) to the factors by which `function` multiplies each vector,
        so that inner products can be normalised without their vectors.
    unit : bool
        Whether vectors get length 1.
    """

    function: Callable[[Array], Array]
    scale: Callable[[Array], Array]
    unit: bool = False


@dataclass(frozen=True)
class PostNormalization(Entry):
    """An entry of the table of NORM_post.

    Attributes
    ----------
    function : callable
        Maps proxies (p, d), ordered by class, and each class's first row (C,) to proxies (p, d).
    scale : callable or None
        As in `Normalization`, if each proxy is scaled independently of the others; otherwise None.
    sequential : bool
        Whether a class's proxies depend on the classes before it, and on none after it.
    unit : bool
        Whether proxies get length 1.
    """

    function: Callable[[Array, NDArray[np.intp]], Array]
    scale: Callable[[Array], Array] | None = None
    sequential: bool = False
    unit: bool = False

    @property
    def separate(self) -> bool:
        """Whether an added class leaves the proxies of earlier classes unchanged."""
        return self.scale is not None or self.sequential


def l2_scale(squared_lengths: Array) -> Array:
    """Inverse length; 0 for a zero vector, which stays zero."""
    lengths = np.sqrt(np.maximum(squared_lengths, 0))
    return np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def l2(x: Array) -> Array:
    """Scale every vector (..., d) to length 1; a zero vector stays zero.

    Dividing by the largest entry first keeps the squares of huge and tiny values finite.
    """
    # Not of absolute values, which would be a copy.
    peak = np.maximum(x.max(axis=-1, keepdims=True, initial=0), -x.min(axis=-1, keepdims=True, initial=0))
    x = np.divide(x, peak, out=np.zeros_like(x), where=peak > 0)
    x *= l2_scale(np.einsum("...d,...d->...", x, x))[..., None]
    return x


def identity(x: Array) -> Array:
    """Leave the vectors as they are."""
    return x


def to_levels(rows: Array, levels: NDArray[np.float64]) -> Array:
    """Give every row (p, d) the values `levels` (d,), rank by rank.

    Equal entries of a row stay equal: each gets the mean of their levels.
    """
    d = rows.shape[1]
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    mapped = np.empty_like(rows)
    np.put_along_axis(mapped, order, np.broadcast_to(levels.astype(rows.dtype), rows.shape), axis=1)
    sums = np.concatenate([[0], np.cumsum(levels)])
    for i in np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1)):
        starts = np.flatnonzero(np.concatenate([[True], ordered[i, 1:] != ordered[i, :-1]]))
        ends = np.append(starts[1:], d)
        mapped[i, order[i]] = np.repeat((sums[ends] - sums[starts]) / (ends - starts), ends - starts)
    return mapped


def quantile(proxies: Array, starts: NDArray[np.intp]) -> Array:
    """Give every proxy the distribution of all proxies' entries, independently of the order of classes.

    The entry of rank i becomes their quantile at (i + ½)/d, linearly interpolated.
    """
    d = proxies.shape[1]
    return to_levels(proxies, np.quantile(proxies.astype(np.float64), (np.arange(d) + 0.5) / d))


def quantile_published(proxies: Array, starts: NDArray[np.intp]) -> Array:
    """Keep the first class, and give each later class the distribution of the classes imprinted before it.

    The official code of the paper does this (NORM_post quantile). Hosoda et al. (2024) use the distribution of the
    FM's pre-trained classifier instead. The result depends on the order of the classes.
    """
    d = proxies.shape[1]
    mapped = proxies.copy()
    edges = [*starts[1:], len(proxies)]
    # A mapped class has few distinct entries, so they are stored sorted with their counts.
    values = np.sort(proxies[: edges[0]].astype(np.float64), axis=None)
    counts = np.ones(len(values), dtype=np.intp)
    for start, end in pairwise(edges):
        levels = _quantiles(values, counts, (np.arange(d) + 0.5) / d)
        mapped[start:end] = to_levels(proxies[start:end], levels)
        new, times = np.unique(mapped[start:end].astype(np.float64), return_counts=True)
        values, counts = np.concatenate([values, new]), np.concatenate([counts, times])
        order = np.argsort(values, kind="stable")
        values, counts = values[order], counts[order]
    return mapped


def _quantiles(
    values: NDArray[np.float64], counts: NDArray[np.intp], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linearly interpolated quantiles of sorted values with counts, equal to those of `np.quantile`."""
    reached = np.cumsum(counts)
    position = shares * (reached[-1] - 1)
    low = values[np.searchsorted(reached, np.floor(position), side="right")]
    high = values[np.searchsorted(reached, np.ceil(position), side="right")]
    return low + (high - low) * (position - np.floor(position))


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization("none", "Vectors keep their lengths.", identity, np.ones_like),
    "l2": Normalization("L2", "Every vector is scaled to length 1 (paper, NORM).", l2, l2_scale, unit=True),
}

POST_NORMALIZATIONS: dict[str, PostNormalization] = {
    "none": PostNormalization("none", "Proxies keep their lengths.", lambda p, starts: p, np.ones_like),
    "l2": PostNormalization(
        "L2", "Every proxy is scaled to length 1 (paper, NORM).", lambda p, starts: l2(p), l2_scale, unit=True
    ),
    "quantile": PostNormalization("quantile", "Every proxy gets the distribution of all proxies' entries.", quantile),
    "quantile_published": PostNormalization(
        "quantile (published)",
        "As in the official code: each class gets the distribution of the classes imprinted before it, so their order "
        "matters (Hosoda et al., 2024).",
        quantile_published,
        sequential=True,
    ),
}
