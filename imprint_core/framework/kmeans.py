"""k-means of many small problems at once on squared distances, and of large problems on vectors.

A class has far fewer shots than the embedding has dimensions, and a page needs ten classes × several seeds × ten
values of k at once. So all problems of one size run together on their distance matrices, in any number of dimensions:
for a centroid c = Σ_m w_m x_m with Σ_m w_m = 1, ‖x − c‖² = Σ_m w_m ‖x − x_m‖² − ½ Σ_ml w_m w_l ‖x_m − x_l‖².
The algorithm, its stopping rules and its random numbers are those of scikit-learn's
``KMeans(n_clusters=k, random_state=seed)``, which the official code of the paper uses. The clusters are equal up to
rounding, which a test checks. `benchmarks/kmeans.py` compares the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import run_parallel
from imprint_core.framework.normalization import Array

_MAX_ITER = 300
_TOL = 1e-4


def squared_distances(x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Squared distances (…, n, n) between samples (…, n, d), computed in float64 and rounded once."""
    x = x.astype(np.float64)
    x -= x.mean(axis=-2, keepdims=True)
    squares = np.einsum("...nd,...nd->...n", x, x)
    # In place, because classes of thousands of samples need much memory.
    distances = squares[..., :, None] + squares[..., None, :]
    products = x @ np.swapaxes(x, -1, -2)
    products *= 2
    distances -= products
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
        Squared distances between the samples of each problem.
    k : int
        Clusters, 1 ≤ k < n.
    seeds : ndarray of shape (b,), int
        `random_state` of each problem.
    dim : int
        Number of features; scikit-learn's tolerance is relative to the variance per feature.

    Returns
    -------
    memberships : ndarray of shape (b, k, n), float32
        Row j of a problem has the weights of its samples in centroid j.
    whole : ndarray of shape (b,), bool
        False if a cluster became empty (duplicate samples); the memberships of such a problem are invalid.
    """
    b, n, _ = distances.shape
    chosen = _plus_plus(distances, k, seeds)
    weights = np.zeros((b, k, n), dtype=np.float32)
    np.put_along_axis(weights, chosen[:, :, None], 1, axis=2)
    total_variance = distances.sum(axis=(1, 2), dtype=np.float64) / (2 * n * n)
    tolerance = _TOL * total_variance / dim

    result = np.empty_like(weights)
    whole = np.ones(b, dtype=bool)
    # Finished problems stay in the stack until they are a third of it, because removing them copies the distances of
    # the others.
    indices = np.arange(b)
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
        done = going & (empty | (now == labels).all(axis=1) | (shift <= tolerance[indices]))
        result[indices[done]] = moved[done]
        whole[indices[done & empty]] = False
        going &= ~done
        if not going.any():
            break
        weights, products, labels = moved, moved_products, now
        if going.sum() <= 2 * len(going) // 3:
            weights, products, labels, distances = (v[going] for v in (weights, products, labels, distances))
            indices, going = indices[going], going[going]
    else:
        result[indices[going]] = weights[going]
    return result, whole


def _plus_plus(distances: NDArray[np.float32], k: int, seeds: NDArray[np.integer]) -> NDArray[np.intp]:
    """Initial samples (b, k) of k-means++ (Arthur and Vassilvitskii, 2007) with scikit-learn's greedy trials."""
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
        thresholds = uniform[:, c - 1] * reached[:, -1:]
        candidates = np.minimum((reached[:, None, :] < thresholds[:, :, None]).sum(axis=2), n - 1)
        after = np.minimum(closest[:, None, :], distances[rows[:, None], candidates])
        best = np.argmin(after.sum(axis=2, dtype=np.float64), axis=1)
        closest = after[rows, best]
        chosen[:, c] = candidates[rows, best]
    return chosen


def kmeans_labels(x: NDArray[np.floating[Any]], k: int, seeds: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Clusters (n,) of each problem of many samples x (b, n, d), by Lloyd's k-means from k-means++ starts, in parallel.

    The algorithm and the random numbers are scikit-learn's. Only samples whose cluster may have changed are compared
    with the centres (Hamerly, 2010), and only changed samples update the sums: for 4 problems of
    5,000 × 512 and k = 20, scikit-learn in as many threads takes 1.8 times as long (median of 5 runs).
    There are 1 ≤ k < n clusters, of which some may be empty; `seeds` (b,) are the problems' `random_state`.
    """
    return run_parallel(lambda problem: _lloyd(problem[0], k, int(problem[1])), zip(x, seeds, strict=True))


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
    # Upper bounds of the distances to the assigned centres, and lower bounds to all others (Hamerly, 2010).
    above, below = np.full(n, np.inf), np.zeros(n)
    slack = 1e-5 * np.sqrt(squares.mean())
    for _ in range(_MAX_ITER):
        compared = np.flatnonzero(above + slack > below)
        # Copying most of the samples costs more than comparing all of them.
        compared = compared if len(compared) < 0.6 * n else np.arange(n)
        some = x[compared] if len(compared) < n else x
        distances = (np.einsum("kd,kd->k", centres, centres) - 2 * (some @ centres.T)) + squares[compared, None]
        rows = np.arange(len(compared))
        now = np.argmin(distances, axis=1)
        above[compared] = np.sqrt(np.maximum(distances[rows, now], 0))
        distances[rows, now] = np.inf
        below[compared] = np.sqrt(np.maximum(distances.min(axis=1), 0))
        differ = now != labels[compared]
        changed, now = compared[differ], now[differ]
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
        # The largest step of the other centres: the second largest for the centre with the largest step.
        first, second = np.partition(steps, -2)[-1:-3:-1]
        below -= np.where(steps[labels] == first, second, first)
    return labels


def _plus_plus_of(
    x: NDArray[np.floating[Any]], squares: NDArray[np.floating[Any]], k: int, seed: int
) -> NDArray[np.intp]:
    """Initial samples (k,) of k-means++ on vectors (n, d)."""
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


def sklearn_memberships(x: NDArray[np.floating[Any]], k: int, seed: int) -> NDArray[np.float32]:
    """Memberships (k, n) of scikit-learn's k-means of one problem (n, d), also for duplicate samples."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Fewer distinct shots than k: duplicate proxies are correct and change nothing.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(n_clusters=k, random_state=seed).fit(x)
    member = fitted.labels_ == np.arange(k)[:, None]
    sizes = member.sum(axis=1, keepdims=True)
    weights = member / np.maximum(sizes, 1)
    for empty in np.flatnonzero(sizes == 0):
        nearest = np.argmin(((x - fitted.cluster_centers_[empty]) ** 2).sum(axis=1))
        weights[empty, nearest] = 1
    return weights.astype(np.float32)


def memberships_of_many(x: Array, k: int, seeds: NDArray[np.integer]) -> NDArray[np.float32]:
    """Compute the weights (b, k, n) of many samples x (b, n, d) in their cluster means, from k-means on vectors."""
    weights = np.zeros((len(x), k, x.shape[1]), dtype=np.float32)
    for i, labels in enumerate(kmeans_labels(x, k, seeds)):
        sizes = np.bincount(labels, minlength=k)
        weights[i, labels, np.arange(len(labels))] = 1 / np.maximum(sizes, 1)[labels]
        # Fewer distinct shots than k: a duplicate proxy is correct and changes nothing.
        weights[i, sizes == 0] = weights[i, labels[0]]
    return weights


def medoids(distances: Array, k: int) -> NDArray[np.intp]:
    """Find k medoids (k,) of samples from their distances (n, n).

    The alternating algorithm (Park and Jun, 2009) of scikit-learn-extra, which the paper uses: start at the k most
    central samples, then alternately assign every sample to its nearest medoid and move every medoid to the most
    central sample of its cluster, until the cost stops decreasing.
    """
    chosen = np.argsort(distances.sum(axis=1), kind="stable")[:k]
    while True:
        labels = np.argmin(distances[chosen], axis=0)
        # A medoid stays in its cluster, even if another medoid equals it.
        labels[chosen] = np.arange(k)
        better = chosen.copy()
        for j in range(k):
            members = np.flatnonzero(labels == j)
            costs = distances[np.ix_(members, members)].sum(axis=1)
            best = int(np.argmin(costs))
            if costs[best] < costs[np.flatnonzero(members == chosen[j])[0]]:
                better[j] = members[best]
        if np.array_equal(better, chosen):
            return chosen
        chosen = better
