"""k-means of many small problems at once, on squared distances alone, and of large ones on vectors.

The few shots of a class are far fewer than the embedding is wide, and a page wants ten
classes × several seeds × ten k's before a finger has left the key. So all problems of one
size run together, on their distance matrices, whatever the width: for a centroid
c = Σ_m w_m x_m with Σ_m w_m = 1, ‖x − c‖² = Σ_m w_m ‖x − x_m‖² − ½ Σ_ml w_m w_l ‖x_m − x_l‖².
The algorithm, its stopping rules and its random numbers are those of scikit-learn's
``KMeans(n_clusters=k, random_state=seed)``, which the paper uses (facts §1): the clusters are
the same up to rounding, and a test holds that. `benchmarks/kmeans.py` compares the two.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

_MAX_ITER = 300
_TOL = 1e-4


def squared_distances(x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Squared distances (…, n, n) between the samples (…, n, d), rounded once, from float64."""
    x = x.astype(np.float64)
    x -= x.mean(axis=-2, keepdims=True)
    squares = np.einsum("...nd,...nd->...n", x, x)
    distances = squares[..., :, None] + squares[..., None, :] - 2 * (x @ np.swapaxes(x, -1, -2))
    np.maximum(distances, 0, out=distances)
    diagonal = np.arange(x.shape[-2])
    distances[..., diagonal, diagonal] = 0
    return distances.astype(np.float32)


def kmeans_memberships(
    distances: NDArray[np.float32], k: int, seeds: NDArray[np.integer], dim: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Lloyd's k-means from a k-means++ start, for `b` problems of `n` samples.

    Parameters
    ----------
    distances : ndarray of shape (b, n, n), float32
        Squared distances between each problem's samples.
    k : int
        Clusters, 1 ≤ k < n.
    seeds : ndarray of shape (b,), int
        `random_state` of each problem.
    dim : int
        Width of the samples; scikit-learn's tolerance is relative to the variance per feature.

    Returns
    -------
    memberships : ndarray of shape (b, k, n), float32
        Row j of a problem weighs its samples so that they add up to centroid j.
    whole : ndarray of shape (b,), bool
        False where a cluster ran empty (duplicates among the samples): such a problem's
        memberships are not to be used.
    """
    b, n, _ = distances.shape
    chosen = _plus_plus(distances, k, seeds)
    weights = np.zeros((b, k, n), dtype=np.float32)
    np.put_along_axis(weights, chosen[:, :, None], 1, axis=2)
    total_variance = distances.sum(axis=(1, 2), dtype=np.float64) / (2 * n * n)
    tolerance = _TOL * total_variance / dim

    result = np.empty_like(weights)
    whole = np.ones(b, dtype=bool)
    # Problems that are done stay in the stack, at no harm, until a third of it is: taking
    # them out copies the distances of the others.
    place = np.arange(b)
    going = np.ones(b, dtype=bool)
    labels = np.full((b, n), -1)
    products = weights @ distances
    clusters = np.arange(k)
    for _ in range(_MAX_ITER):
        inner = np.einsum("bkn,bkn->bk", weights, products) / 2
        now = np.argmin(products - inner[:, :, None], axis=1)
        members = (now[:, None, :] == clusters[:, None]).astype(np.float32)
        sizes = members.sum(axis=2, keepdims=True)
        moved = members / np.maximum(sizes, 1)
        moved_products = moved @ distances
        shift = np.einsum("bkn,bkn->b", weights - moved, moved_products - products) / 2
        empty = (sizes == 0).any(axis=(1, 2))
        done = going & (empty | (now == labels).all(axis=1) | (shift <= tolerance[place]))
        result[place[done]] = moved[done]
        whole[place[done & empty]] = False
        going &= ~done
        if not going.any():
            break
        weights, products, labels = moved, moved_products, now
        if going.sum() <= 2 * len(going) // 3:
            weights, products, labels, distances = (v[going] for v in (weights, products, labels, distances))
            place, going = place[going], going[going]
    else:
        result[place[going]] = weights[going]
    return result, whole


def _plus_plus(distances: NDArray[np.float32], k: int, seeds: NDArray[np.integer]) -> NDArray[np.intp]:
    """k-means++ (Arthur and Vassilvitskii, 2007) with scikit-learn's greedy trials: (b, k) samples."""
    b, n, _ = distances.shape
    trials = 2 + int(np.log(k))
    rows = np.arange(b)
    first = np.empty(b, dtype=np.intp)
    uniform = np.empty((b, k - 1, trials))
    for seed in np.unique(seeds):
        stream = np.random.RandomState(seed)
        same = seeds == seed
        first[same] = stream.choice(n, p=np.full(n, 1 / n))
        uniform[same] = stream.uniform(size=(k - 1, trials))

    chosen = np.empty((b, k), dtype=np.intp)
    chosen[:, 0] = first
    closest = distances[rows, first]
    for c in range(1, k):
        reached = np.cumsum(closest, axis=1, dtype=np.float64)
        wanted = uniform[:, c - 1] * reached[:, -1:]
        candidates = np.minimum((reached[:, None, :] < wanted[:, :, None]).sum(axis=2), n - 1)
        after = np.minimum(closest[:, None, :], distances[rows[:, None], candidates])
        best = np.argmin(after.sum(axis=2, dtype=np.float64), axis=1)
        closest = after[rows, best]
        chosen[:, c] = candidates[rows, best]
    return chosen


def kmeans_labels(x: NDArray[np.floating[Any]], k: int, seeds: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Lloyd's k-means from a k-means++ start, for `b` problems of many samples, beside each other.

    The algorithm and the random numbers are scikit-learn's here, too. It is quicker because the problems
    have a core each, instead of one after the other's matrix products fighting over all cores, and because
    only samples that may have changed their cluster are compared with the centres (Hamerly, 2010), and only
    those that did are summed anew.

    Parameters
    ----------
    x : ndarray of shape (b, n, d)
        Samples.
    k : int
        Clusters, 1 ≤ k < n.
    seeds : ndarray of shape (b,), int
        `random_state` of each problem.

    Returns
    -------
    list of ndarray of shape (n,)
        Cluster of each sample; one that ran empty is no sample's.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda problem: _lloyd(problem[0], k, int(problem[1])), zip(x, seeds, strict=True)))


def _lloyd(x: NDArray[np.floating[Any]], k: int, seed: int) -> NDArray[np.intp]:
    tolerance = _TOL * float(x.var(axis=0).mean())
    x = x - x.mean(axis=0)
    squares = np.einsum("nd,nd->n", x, x)
    centres = x[_plus_plus_of(x, squares, k, seed)]
    n = len(x)
    labels = np.full(n, -1)
    sums = np.zeros(centres.shape)
    sizes = np.zeros(k, dtype=np.intp)
    clusters = np.arange(k)
    # How far each sample is from its centre at most, and from every other at least (Hamerly, 2010).
    above, below = np.full(n, np.inf), np.zeros(n)
    slack = 1e-5 * np.sqrt(squares.mean())
    for _ in range(_MAX_ITER):
        asked = np.flatnonzero(above + slack > below)
        # Copying most of the samples costs more than comparing the others, too.
        asked = asked if len(asked) < 0.6 * n else np.arange(n)
        some = x[asked] if len(asked) < n else x
        apart = (np.einsum("kd,kd->k", centres, centres) - 2 * (some @ centres.T)) + squares[asked, None]
        rows = np.arange(len(asked))
        now = np.argmin(apart, axis=1)
        above[asked] = np.sqrt(np.maximum(apart[rows, now], 0))
        apart[rows, now] = np.inf
        below[asked] = np.sqrt(np.maximum(apart.min(axis=1), 0))
        differ = now != labels[asked]
        changed, now = asked[differ], now[differ]
        if not len(changed):
            break
        before = labels[changed]
        moves = (now == clusters[:, None]).astype(x.dtype) - (before == clusters[:, None])
        sums += moves @ x[changed]
        sizes += np.bincount(now, minlength=k) - np.bincount(before[before >= 0], minlength=k)
        labels[changed] = now
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres).astype(x.dtype)
        steps = np.sqrt(((moved - centres) ** 2).sum(axis=1))
        centres = moved
        if float((steps**2).sum()) <= tolerance:
            break
        above += steps[labels]
        # The farthest step of the other centres: the largest, or the second for the one that made it.
        first, second = np.partition(steps, -2)[-1:-3:-1]
        below -= np.where(steps[labels] == first, second, first)
    return labels


def _plus_plus_of(
    x: NDArray[np.floating[Any]], squares: NDArray[np.floating[Any]], k: int, seed: int
) -> NDArray[np.intp]:
    """The samples (k,) that k-means++ starts from, on vectors (n, d)."""
    stream = np.random.RandomState(seed)
    trials = 2 + int(np.log(k))
    n = len(x)
    chosen = np.empty(k, dtype=np.intp)
    chosen[0] = stream.choice(n, p=np.full(n, 1 / n))
    closest = np.maximum(squares - 2 * (x @ x[chosen[0]]) + squares[chosen[0]], 0)
    for c in range(1, k):
        reached = np.cumsum(closest, dtype=np.float64)
        candidates = np.minimum(np.searchsorted(reached, stream.uniform(size=trials) * reached[-1]), n - 1)
        after = np.maximum(squares - 2 * (x[candidates] @ x.T) + squares[candidates][:, None], 0)
        np.minimum(after, closest, out=after)
        best = int(np.argmin(after.sum(axis=1, dtype=np.float64)))
        closest, chosen[c] = after[best], candidates[best]
    return chosen
