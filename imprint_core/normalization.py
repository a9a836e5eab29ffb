"""NORM: what is done to vectors before GEN (pre), to proxies (post) and at inference (inf)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Normalization:
    """An entry of the table for NORM_pre and NORM_inf.

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


@dataclass(frozen=True)
class PostNormalization:
    """An entry of the table for NORM_post.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    function : callable
        Maps proxies (p, d), ordered by class, and each class's first row (C,) to proxies (p, d).
    scale : callable or None
        As in `Normalization`, where a proxy is only scaled, whatever the others are.
    sequential : bool
        Whether a class's proxies depend on the classes before it, and on none after it.
    """

    label: str
    help: str
    function: Callable[[Array, NDArray[np.intp]], Array]
    scale: Callable[[Array], Array] | None = None
    sequential: bool = False

    @property
    def separate(self) -> bool:
        """Whether adding a class leaves the proxies of those before it alone."""
        return self.scale is not None or self.sequential


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


def to_quantiles(rows: Array, reference: Array) -> Array:
    """Give every row (p, d) the distribution of the reference's entries, rank by rank.

    The entry of rank i becomes the reference's quantile at (i + ½)/d, linearly interpolated
    (facts §1). Equal entries of a row stay equal: they get the mean of their quantiles.
    """
    d = rows.shape[1]
    levels = np.quantile(reference, (np.arange(d) + 0.5) / d).astype(rows.dtype)
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    mapped = np.empty_like(rows)
    np.put_along_axis(mapped, order, np.broadcast_to(levels, rows.shape), axis=1)
    sums = np.concatenate([[0], np.cumsum(levels, dtype=np.float64)])
    for i in np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1)):
        starts = np.flatnonzero(np.concatenate([[True], ordered[i, 1:] != ordered[i, :-1]]))
        ends = np.append(starts[1:], d)
        mapped[i, order[i]] = np.repeat((sums[ends] - sums[starts]) / (ends - starts), ends - starts)
    return mapped


def quantile(proxies: Array, starts: NDArray[np.intp]) -> Array:
    """Every proxy gets the distribution of all proxies' entries, so that no order of classes matters."""
    return to_quantiles(proxies, proxies.ravel())


def quantile_published(proxies: Array, starts: NDArray[np.intp]) -> Array:
    """The first class stays as it is; each later one gets the distribution of those imprinted before it.

    What the official code does under the name of Hosoda et al. (facts §1, NORM): they meant the
    distribution of the FM's own classifier. It depends on the order of the classes.
    """
    mapped = proxies.copy()
    edges = [*starts[1:], len(proxies)]
    for start, end in pairwise(edges):
        mapped[start:end] = to_quantiles(proxies[start:end], mapped[:start].ravel())
    return mapped


NORMALIZATIONS: dict[str, Normalization] = {
    "none": Normalization("none", "Vectors keep their lengths.", identity, np.ones_like),
    "l2": Normalization("L2", "Every vector is scaled to length 1 (paper, NORM).", l2, l2_scale),
}

POST_NORMALIZATIONS: dict[str, PostNormalization] = {
    "none": PostNormalization("none", "Proxies keep their lengths.", lambda p, starts: p, np.ones_like),
    "l2": PostNormalization(
        "L2", "Every proxy is scaled to length 1 (paper, NORM).", lambda p, starts: l2(p), l2_scale
    ),
    "quantile": PostNormalization(
        "quantile", "Every proxy gets the distribution of all proxies' entries, whatever the classes' order.", quantile
    ),
    "quantile_published": PostNormalization(
        "quantile (published)",
        "As in the paper's code: each class gets the distribution of those imprinted before it, so the classes' "
        "order matters (Hosoda et al., 2024).",
        quantile_published,
        sequential=True,
    ),
}
