"""k-means of many small problems at once, on inner products alone.

The few shots of a class are far fewer than the embedding is wide, and a page wants ten
classes × several seeds × ten k's before a finger has left the key. So all problems of one
size run together, on their Gram matrices: distances need nothing else, whatever the width.
The algorithm, its stopping rules and its random numbers are those of scikit-learn's
``KMeans(n_clusters=k, random_state=seed)``, which the paper uses (facts §1): the clusters are
the same up to rounding, and a test holds that. `benchmarks/kmeans.py` compares the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MAX_ITER = 300
_TOL = 1e-4


def kmeans_memberships(
    centred_gram: NDArray[np.float64], k: int, seeds: NDArray[np.integer], dim: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Lloyd's k-means from a k-means++ start, for `b` problems of `n` samples.

    Parameters
    ----------
    centred_gram : ndarray of shape (b, n, n), float64
        Inner products of each problem's samples about their mean. Two candidates of k-means++
        are often equally good but for rounding; only float64 decides as scikit-learn does.
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
    b, n, _ = centred_gram.shape
    chosen = _plus_plus(centred_gram, k, seeds)
    gram = centred_gram.astype(np.float32)
    weights = np.zeros((b, k, n), dtype=np.float32)
    np.put_along_axis(weights, chosen[:, :, None], 1, axis=2)
    total_variance = np.trace(gram, axis1=1, axis2=2) / n
    tolerance = _TOL * total_variance / dim

    result = np.empty_like(weights)
    whole = np.ones(b, dtype=bool)
    # Problems that are done stay in the stack, at no harm, until a third of it is: taking
    # them out copies the Gram matrices of the others.
    place = np.arange(b)
    going = np.ones(b, dtype=bool)
    labels = np.full((b, n), -1)
    products = weights @ gram
    clusters = np.arange(k)
    for _ in range(_MAX_ITER):
        # ‖x_i − c_j‖² − ‖x_i‖² = ‖c_j‖² − 2 x_i·c_j, and c = weights · x.
        norms = np.einsum("bkn,bkn->bk", weights, products)
        now = np.argmin(norms[:, :, None] - 2 * products, axis=1)
        members = (now[:, None, :] == clusters[:, None]).astype(np.float32)
        sizes = members.sum(axis=2, keepdims=True)
        moved = members / np.maximum(sizes, 1)
        moved_products = moved @ gram
        shift = np.einsum("bkn,bkn->b", moved - weights, moved_products - products)
        empty = (sizes == 0).any(axis=(1, 2))
        done = going & (empty | (now == labels).all(axis=1) | (shift <= tolerance[place]))
        result[place[done]] = moved[done]
        whole[place[done & empty]] = False
        going &= ~done
        if not going.any():
            break
        weights, products, labels = moved, moved_products, now
        if going.sum() <= 2 * len(going) // 3:
            weights, products, labels, gram = (v[going] for v in (weights, products, labels, gram))
            place, going = place[going], going[going]
    else:
        result[place[going]] = weights[going]
    return result, whole


def centred(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner products (b, n, n) about each problem's mean: distances stay, rounding shrinks."""
    rows = gram.mean(axis=2, keepdims=True)
    return np.asarray(gram - rows - np.swapaxes(rows, 1, 2) + rows.mean(axis=1, keepdims=True))


def _plus_plus(gram: NDArray[np.float64], k: int, seeds: NDArray[np.integer]) -> NDArray[np.intp]:
    """k-means++ (Arthur and Vassilvitskii, 2007) with scikit-learn's greedy trials: (b, k) samples."""
    b, n, _ = gram.shape
    trials = 2 + int(np.log(k))
    rows = np.arange(b)
    first = np.empty(b, dtype=np.intp)
    uniform = np.empty((b, k - 1, trials))
    for seed in np.unique(seeds):
        stream = np.random.RandomState(seed)
        same = seeds == seed
        first[same] = stream.choice(n, p=np.full(n, 1 / n))
        uniform[same] = stream.uniform(size=(k - 1, trials))

    squares = np.diagonal(gram, axis1=1, axis2=2)
    chosen = np.empty((b, k), dtype=np.intp)
    chosen[:, 0] = first

    def distances(candidates: NDArray[np.intp]) -> NDArray[np.float64]:
        """Squared distances (b, t, n) of candidates (b, t) to all samples."""
        own = np.take_along_axis(squares, candidates, axis=1)
        d = squares[:, None, :] + own[:, :, None] - 2 * gram[rows[:, None], candidates]
        np.maximum(d, 0, out=d)
        np.put_along_axis(d, candidates[:, :, None], 0, axis=2)
        return d

    closest = distances(first[:, None])[:, 0]
    for c in range(1, k):
        reached = np.cumsum(closest, axis=1)
        wanted = uniform[:, c - 1] * closest.sum(axis=1)[:, None]
        candidates = np.minimum((reached[:, None, :] < wanted[:, :, None]).sum(axis=2), n - 1)
        after = np.minimum(closest[:, None, :], distances(candidates))
        best = np.argmin(after.sum(axis=2), axis=1)
        closest = after[rows, best]
        chosen[:, c] = candidates[rows, best]
    return chosen
