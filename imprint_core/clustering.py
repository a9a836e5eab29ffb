"""k-means of many small problems at once, on squared distances alone.

The few shots of a class are far fewer than the embedding is wide, and a page wants ten
classes × several seeds × ten k's before a finger has left the key. So all problems of one
size run together, on their distance matrices, whatever the width: for a centroid
c = Σ_m w_m x_m with Σ_m w_m = 1, ‖x − c‖² = Σ_m w_m ‖x − x_m‖² − ½ Σ_ml w_m w_l ‖x_m − x_l‖².
The algorithm, its stopping rules and its random numbers are those of scikit-learn's
``KMeans(n_clusters=k, random_state=seed)``, which the paper uses (facts §1): the clusters are
the same up to rounding, and a test holds that. `benchmarks/kmeans.py` compares the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
