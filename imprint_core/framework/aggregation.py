"""AGG: from the comparison of proxies with test samples to one score per class.

The class with the highest score wins; of equal scores, the lowest class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.distances import DISTANCES, NO_DISTANCE, Comparison
from imprint_core.framework.normalization import Array
from imprint_core.registry import Entry, look_up

# Inverse temperature of the smooth maximum. Selected by the shots, it is 0.03 points better on 64 bundled tasks.
SHARPNESS = 20.0
# Nearness adds less than half a vote, so that it decides ties only.
TIE_SHARE = 0.499

VOTES: dict[str, Entry] = {
    "uniform": Entry("uniform", "Each of the m nearest proxies has one vote."),
    "distance": Entry("by distance", "Each of the m nearest proxies votes with the inverse of its distance."),
}
TIES: dict[str, Entry] = {
    "distance": Entry("by distance", "Of classes with equal votes, the one with the nearer voters on average wins."),
    "published": Entry("published", "Of classes with equal votes, the lowest wins, as in the paper's code."),
}


class Voting(NamedTuple):
    """Parameters of m-NN, as in `Recipe`."""

    m: int = 5
    distance: str = "euclidean"
    vote: str = "uniform"
    ties: str = "distance"


@dataclass(frozen=True)
class Aggregation(Entry):
    """An entry of the table of AGG methods.

    Attributes
    ----------
    function : callable
        Maps a `Comparison` and a `Voting` to scores (C, m).
    uses_distance : bool
        Whether it compares distances and uses the voting.
    adds_proxies : bool
        Whether the proxies of a class act like their sum.
    uses_lengths : bool
        Whether the length of a sample can change its prediction although only inner products are compared.
    """

    function: Callable[[Comparison, Voting], Array]
    uses_distance: bool = False
    adds_proxies: bool = False
    uses_lengths: bool = False


def maximum(comparison: Comparison, voting: Voting) -> Array:
    """Largest inner product with the proxies of each class."""
    return np.maximum.reduceat(comparison.inner, comparison.starts, axis=0)


def smooth_maximum(inner: Array, starts: NDArray[np.intp]) -> Array:
    """Log-mean-exp (C, m) of the inner products (p, m) of each class at `SHARPNESS`; for a single proxy, its own.

    With proxies and samples of length 1 it ranks classes by their likelihood under a mixture of von Mises–Fisher
    distributions, one around each proxy (Banerjee et al., JMLR 2005).
    """
    peak = np.maximum.reduceat(inner, starts, axis=0)
    sizes = np.diff(starts, append=len(inner))
    if (sizes == 1).all():
        return peak
    shares = np.exp(SHARPNESS * (inner - np.repeat(peak, sizes, axis=0)))
    return peak + np.log(np.add.reduceat(shares, starts, axis=0) / sizes[:, None].astype(inner.dtype)) / SHARPNESS


def total(comparison: Comparison, voting: Voting) -> Array:
    """Sum of the inner products with the proxies of each class."""
    return np.add.reduceat(comparison.inner, comparison.starts, axis=0)


def nearest_neighbours(comparison: Comparison, voting: Voting) -> Array:
    """Votes of the m nearest proxies (all if there are fewer).

    With uniform votes and ties by distance, nearer voters add a larger share of less than half a vote, which decides
    ties only.
    """
    near, distances = look_up(DISTANCES, voting.distance, "distance").nearest(comparison, voting.m)
    samples, classes = len(near), len(comparison.starts)
    cells = np.arange(samples)[:, None] * classes + comparison.proxy_class[near]

    def sums(weights: Array | None) -> NDArray[np.float64]:
        flat = None if weights is None else weights.ravel()
        counts = np.bincount(cells.ravel(), flat, samples * classes)
        return counts.astype(np.float64).reshape(samples, classes)

    if voting.vote == "distance":
        return sums(1 / (distances.astype(np.float64) + NO_DISTANCE)).T
    votes = sums(None)
    if voting.ties == "distance":
        average = sums(distances) / np.maximum(votes, 1)
        farthest = distances[:, -1:].astype(np.float64)
        nearness = 1 - np.divide(average, farthest, out=np.zeros_like(average), where=farthest > 0)
        votes += np.where(votes > 0, nearness * TIE_SHARE, 0)
    return votes.T


AGGREGATIONS: dict[str, Aggregation] = {
    "max": Aggregation("max", "The class of the proxy with the largest inner product wins (paper, AGG).", maximum),
    "smooth": Aggregation(
        "smooth max",
        "Log-mean-exp of the inner products of each class at inverse temperature 20: several near proxies count more "
        "than one.",
        lambda comparison, voting: smooth_maximum(comparison.inner, comparison.starts),
        uses_lengths=True,
    ),
    "mnn": Aggregation("m-NN", "The m nearest proxies vote (paper, AGG).", nearest_neighbours, uses_distance=True),
    "sum": Aggregation(
        "sum",
        "The class with the largest sum of its proxies' inner products wins; designed for k-least-squares.",
        total,
        adds_proxies=True,
    ),
}
