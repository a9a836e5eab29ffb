"""GEN: from the shots of a class to its proxies.

Almost every method makes a proxy as a weighted sum of shots of its class and returns these weights, which add up to
1. An evaluation needs nothing else: inner products with proxies are the same weighted sums of inner products with
shots, in any number of dimensions. Only least squares, whose targets are clusters, and the linear probe are joint fits
to the shots of all classes (`joint`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.framework.joint import RidgeProblem, least_squares_proxies, probe_weights
from imprint_core.framework.kmeans import (
    kmeans_memberships,
    medoids,
    memberships_of_many,
    sklearn_memberships,
    squared_distances,
)
from imprint_core.framework.normalization import Array
from imprint_core.registry import Entry, look_up

# With more shots per class, computing all distances between them is slower than k-means on vectors.
_DISTANCES_LIMIT = 1500


class Shots:
    """The shots of `b` classes (or of one class under several seeds), `n` each.

    Parameters
    ----------
    samples : callable
        Returns the shots (b, n, d); called at most once, and only if a method needs them.
    shape : tuple of int
        (b, n, d).
    distances : ndarray of shape (b, n, n), float32, optional
        Squared distances between the shots, if they are available.
    squares : ndarray of shape (b, n), optional
        Squared lengths of the shots, if they are available.
    """

    def __init__(
        self,
        samples: Callable[[], Array],
        shape: tuple[int, int, int],
        distances: NDArray[np.float32] | None = None,
        squares: Array | None = None,
    ) -> None:
        self._samples = samples
        self.shape = shape
        if distances is not None:
            self.distances = distances
        if squares is not None:
            self.squares = squares

    @lazy_property
    def samples(self) -> Array:
        """Shots (b, n, d)."""
        return self._samples()

    @lazy_property
    def distances(self) -> NDArray[np.float32]:
        """Squared distances (b, n, n) between the shots."""
        return squared_distances(self.samples)

    @lazy_property
    def squares(self) -> Array:
        """Squared lengths (b, n) of the shots."""
        return np.einsum("bnd,bnd->bn", self.samples, self.samples)


@dataclass(frozen=True)
class ProxyWeights:
    """Proxies as weighted sums of shots; exactly one of the attributes is set.

    Attributes
    ----------
    picks : ndarray of shape (b, p), int, or None
        Shot that equals each proxy.
    weights : ndarray of shape (b, p, n), or None
        Weight of every shot in each proxy.
    """

    picks: NDArray[np.intp] | None = None
    weights: Array | None = None

    def of(self, rows: Array, i: int) -> Array:
        """Weighted sums (p, …) of the rows (n, …) of problem `i`."""
        if self.picks is not None:
            return rows[self.picks[i]]
        assert self.weights is not None
        return self.weights[i] @ rows

    def labels(self, i: int) -> NDArray[np.intp]:
        """Cluster (n,) of every shot of problem `i`, numbered from 0 without gaps."""
        if self.picks is not None:
            return np.argsort(self.picks[i])
        assert self.weights is not None
        return np.unique(np.argmax(self.weights[i] > 0, axis=0), return_inverse=True)[1]

    def squared_lengths(self, squares: Array, distances: NDArray[np.float32]) -> Array:
        """Squared lengths (b, p) of proxies, from those (b, n) of the shots and their squared distances (b, n, n)."""
        if self.picks is not None:
            return np.take_along_axis(squares, self.picks, axis=1)
        assert self.weights is not None
        # ‖Σ w x‖² = Σ w ‖x‖² − ½ Σ w w ‖x − x‖², since the weights of a proxy add up to 1.
        scatter = np.einsum("bpn,bpn->bp", self.weights @ distances, self.weights) / 2
        return np.maximum(np.einsum("bpn,bn->bp", self.weights, squares) - scatter, 0)


@dataclass(frozen=True)
class Generator(Entry):
    """An entry of the table of GEN methods.

    Attributes
    ----------
    function : callable
        Maps (shots, k, seeds (b,)) to a `ProxyWeights`.
    uses_k : bool
        Whether it depends on k; otherwise a class has one proxy, or all its shots.
    with_k : str
        Key of the method that generalises it to k proxies per class, for curves over k.
    keeps_shots : bool
        Whether proxies are shots, so that they have the length of NORM pre.
    seeded : bool
        Whether it uses random numbers if there are more than k shots.
    selects : bool
        Whether the shots choose k (`selection`).
    trained : bool
        Whether the weights of a trained linear classifier take the place of proxies (`joint`).
    fixed : mapping of str to str
        Parameters that a recipe with this method can't choose.
    ridge : {"", "exact", "published"}
        Whether the clusters of `function` are the targets of least squares over all classes, and how they are
        weighted.
    calibrated : bool
        Whether its class scores give calibrated probabilities (`ImprintingClassifier.predict_proba`).
    """

    function: Callable[[Shots, int, NDArray[np.integer]], ProxyWeights]
    uses_k: bool = False
    with_k: str = "kmeans"
    keeps_shots: bool = False
    seeded: bool = False
    ridge: str = ""
    selects: bool = False
    trained: bool = False
    calibrated: bool = False
    fixed: Mapping[str, str] = field(default_factory=dict)

    @property
    def joint(self) -> bool:
        """Whether proxies are fitted to the shots of all classes, so that they are no weighted sums of a class's."""
        return bool(self.ridge) or self.trained

    def proxies_per_class(self, k: int, n: int) -> int:
        """Number of proxies of a class with n shots."""
        return min(k, n) if self.uses_k else n if self.keeps_shots else 1


def mean(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """Mean of the shots of the class; `k` and `seeds` are ignored."""
    b, n, _ = shots.shape
    return ProxyWeights(weights=np.full((b, 1, n), 1 / n, dtype=np.float32))


def every_sample(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """Every shot; `k` and `seeds` are ignored."""
    b, n, _ = shots.shape
    return ProxyWeights(picks=np.tile(np.arange(n), (b, 1)))


def random(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """K random shots, nested: the first k of one permutation; all if k ≥ n."""
    return ProxyWeights(picks=np.stack([np.random.default_rng(int(s)).permutation(shots.shape[1])[:k] for s in seeds]))


def kmeans(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """Centroids of scikit-learn's k-means with `random_state=seed`; all shots if k ≥ n."""
    _, n, d = shots.shape
    if k >= n:
        return every_sample(shots, k, seeds)
    if k == 1:
        return mean(shots, k, seeds)
    if n > _DISTANCES_LIMIT:
        return ProxyWeights(weights=memberships_of_many(shots.samples, k, seeds))
    weights, whole = kmeans_memberships(shots.distances, k, seeds, d)
    for i in np.flatnonzero(~whole):
        weights[i] = sklearn_memberships(shots.samples[i], k, int(seeds[i]))
    return ProxyWeights(weights=weights)


def kmedoids(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """k-medoids by Euclidean distance; `seeds` are ignored."""
    if k >= shots.shape[1]:
        return every_sample(shots, k, seeds)
    return ProxyWeights(picks=np.stack([medoids(np.sqrt(d), k) for d in shots.distances]))


def kmedoids_cosine(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """k-medoids by cosine distance."""
    if k >= shots.shape[1]:
        return every_sample(shots, k, seeds)
    lengths = np.sqrt(shots.squares.astype(np.float64))
    # 1 − cos = (‖x − y‖² − (‖x‖ − ‖y‖)²) / 2‖x‖‖y‖ loses fewer digits than 1 minus an inner product.
    apart = shots.distances - (lengths[:, :, None] - lengths[:, None, :]) ** 2
    products = 2 * lengths[:, :, None] * lengths[:, None, :]
    distances = np.divide(np.maximum(apart, 0), products, out=np.ones_like(products), where=products > 0)
    diagonal = np.arange(shots.shape[1])
    distances[:, diagonal, diagonal] = 0
    return ProxyWeights(picks=np.stack([medoids(d, k) for d in distances]))


def farthest_point(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """Farthest point sampling from a random shot; nested in k."""
    b, n, _ = shots.shape
    picks = np.empty((b, min(k, n)), dtype=np.intp)
    picks[:, 0] = [np.random.default_rng(int(s)).integers(n) for s in seeds]
    rows = np.arange(b)
    gap = shots.distances[rows, picks[:, 0]].copy()
    for j in range(1, picks.shape[1]):
        # Selected shots rank below all others, so that no shot is selected twice if there are duplicates.
        gap[rows, picks[:, j - 1]] = -1
        picks[:, j] = np.argmax(gap, axis=1)
        gap = np.minimum(gap, shots.distances[rows, picks[:, j]])
    return ProxyWeights(picks=picks)


def covariance_maximisation(shots: Shots, k: int, seeds: NDArray[np.integer]) -> ProxyWeights:
    """The k shots with the largest sum of covariances, over the features, with all shots; `seeds` are ignored."""
    x = shots.samples.astype(np.float64)
    x -= x.mean(axis=2, keepdims=True)
    covariances = np.einsum("bnd,bd->bn", x, x.sum(axis=1))
    return ProxyWeights(picks=np.argsort(-covariances, axis=1, kind="stable")[:, :k])


GENERATORS: dict[str, Generator] = {
    "mean": Generator("mean", "One proxy per class: the mean of its shots (Qi et al., 2018; paper, GEN).", mean),
    "kmeans": Generator(
        "k-means",
        "k proxies per class: centroids of k-means clusters of its shots (paper, GEN; its best method).",
        kmeans,
        uses_k=True,
        seeded=True,
    ),
    "kmedoids": Generator(
        "k-medoids",
        "k proxies per class: the medoids of its shots (paper, GEN).",
        kmedoids,
        uses_k=True,
        keeps_shots=True,
    ),
    "kmedoids_cosine": Generator(
        "k-medoids (cosine)",
        "k-medoids by cosine instead of Euclidean distance.",
        kmedoids_cosine,
        uses_k=True,
        keeps_shots=True,
    ),
    "cov_max": Generator(
        "covariance maximisation",
        "k proxies per class: the shots with the largest covariance with all shots (paper, GEN).",
        covariance_maximisation,
        uses_k=True,
        keeps_shots=True,
    ),
    "random": Generator(
        "random", "k proxies per class: random shots (paper, GEN).", random, uses_k=True, seeded=True, keeps_shots=True
    ),
    "fps": Generator(
        "farthest point",
        "k proxies per class: a random shot, then repeatedly the shot farthest from the selected ones (paper, GEN).",
        farthest_point,
        uses_k=True,
        seeded=True,
        keeps_shots=True,
    ),
    "all": Generator(
        "all",
        "Every shot is a proxy; with AGG max this is the nearest neighbour (paper, GEN).",
        every_sample,
        keeps_shots=True,
    ),
    "ls": Generator(
        "least squares",
        "One proxy per class, fitted to the shots of all classes by ridge regression (paper, oracle: it uses the other "
        "classes' shots).",
        mean,
        with_k="kls",
        ridge="exact",
    ),
    "kls": Generator(
        "k-least-squares",
        "Least squares with the k-means clusters of every class as separate classes, solved exactly.",
        kmeans,
        uses_k=True,
        seeded=True,
        ridge="exact",
    ),
    "kls_published": Generator(
        "k-least-squares (published)",
        "As in the official code, which weights every cluster equally: small clusters get long proxies.",
        kmeans,
        uses_k=True,
        seeded=True,
        ridge="published",
    ),
    "auto": Generator(
        "k-means with selected k",
        "k-means after whitening within clusters, with the k, from 1 to 20, and the shrinkage that predict held-out "
        "shots best (this project).",
        mean,
        seeded=True,
        selects=True,
        calibrated=True,
        fixed={"pretransform": "whiten_clusters", "shrinkage": "auto", "norm_pre": "none"}
        | {"norm_post": "l2", "norm_inf": "l2", "agg": "smooth"},
    ),
    "probe": Generator(
        "linear probe (trained)",
        "For comparison, not imprinting: weights of a logistic regression on the shots of all classes.",
        mean,
        trained=True,
        calibrated=True,
        fixed={"pretransform": "centre_l2", "norm_pre": "none", "norm_post": "none", "norm_inf": "none", "agg": "max"},
    ),
}


def generate(
    x: Array,
    members: list[NDArray[np.intp]],
    gen: str,
    k: int,
    seed: int,
    lam: float = 1e-4,
    problem: RidgeProblem | None = None,
    base: Array | None = None,
) -> tuple[list[Array], list[NDArray[np.intp]]]:
    """Generate the proxies of every class, before NORM_post.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Shots after NORM_pre.
    members : list of ndarray
        Rows of `x` of each class.
    gen : str
        Key of `GENERATORS`.
    k, seed : int
        Proxies per class; seed, used for each class, as in the paper.
    lam : float
        Ridge penalty of least squares.
    problem : RidgeProblem, optional
        Factorised least squares of the shots in the order of `members`, if it is available.
    base : ndarray of shape (n, d), optional
        Shots that the method gets instead of `x`, to which its weights apply.

    Returns
    -------
    proxies : list of ndarray of shape (p_c, d)
    sources : list of ndarray of shape (p_c,)
        Row of `x` that equals a proxy, or -1 if none does.
    """
    entry = look_up(GENERATORS, gen, "GEN method")
    proxies: list[Array] = [np.empty(0)] * len(members)
    sources, labels = ([np.empty(0, dtype=np.intp)] * len(members) for _ in range(2))
    sizes = np.array([len(m) for m in members])
    for n in np.unique(sizes):
        alike = np.flatnonzero(sizes == n)
        rows = np.stack([members[c] for c in alike])
        given = x if base is None else base
        shots = Shots(lambda rows=rows, given=given: given[rows], (*rows.shape, x.shape[1]))  # type: ignore[misc]
        mixture = entry.function(shots, k, np.full(len(alike), seed))
        for i, c in enumerate(alike):
            if entry.joint:
                labels[c] = mixture.labels(i)
                continue
            proxies[c] = mixture.of(x[rows[i]], i)
            if mixture.picks is not None:
                sources[c] = rows[i][mixture.picks[i]]
            else:
                sources[c] = np.full(len(proxies[c]), -1, dtype=np.intp)
    if entry.trained:
        proxies = list(probe_weights(x[np.concatenate(members)], np.repeat(np.arange(len(sizes)), sizes))[:, None])
    if entry.ridge:
        problem = problem or RidgeProblem(x[np.concatenate(members)], lam)
        proxies = least_squares_proxies(problem, labels, entry.ridge == "published", x.dtype)
    if entry.joint:
        sources = [np.full(len(p), -1, dtype=np.intp) for p in proxies]
    return proxies, sources
