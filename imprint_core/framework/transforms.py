"""Transforms of shots and test embeddings before NORM, an extension of the paper.

Centring (SimpleShot), a power transform, and whitening within classes or clusters. They are fitted to the shots only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.feature_map import FeatureMap, class_means
from imprint_core.framework.generation import Shots, kmeans
from imprint_core.framework.normalization import Array, l2
from imprint_core.framework.whitening import Shrinkage, WhitenedProducts, whitened_products, whitening
from imprint_core.registry import Entry, look_up


@dataclass(frozen=True)
class Transform(Entry):
    """An entry of the table of transforms.

    Attributes
    ----------
    fit : callable
        Maps shots (n, d), their class numbers (n,) from 0, and a shrinkage to a `FeatureMap`.
    fitted : bool
        Whether the feature map depends on the shots.
    shrinks : bool
        Whether it uses the shrinkage.
    base : str
        Key of `NORMALIZATIONS` of its first step; empty if there is none.
    products : callable or None
        The same from inner products alone, for embeddings with more dimensions than shots.
    clusters : bool
        Whether the feature map is fitted to k-means clusters of the shots of each class. GEN then uses the embeddings
        after `base` and applies the weights that it finds to the mapped shots.
    """

    fit: Callable[[Array, NDArray[np.integer], Shrinkage], FeatureMap]
    fitted: bool = False
    shrinks: bool = False
    base: str = ""
    products: Callable[..., WhitenedProducts | None] | None = None
    clusters: bool = False


def centring(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> FeatureMap:
    """Subtract the mean of the class means; followed by L2, this is CL2N (Wang et al., 2019, SimpleShot)."""
    means, _ = class_means(x, codes)
    return FeatureMap(centre=means.mean(axis=0).astype(x.dtype))


def l2_centring(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> FeatureMap:
    """Scale to length 1, then subtract the mean of the class means."""
    return replace(centring(l2(x), codes), base="l2")


TRANSFORMS: dict[str, Transform] = {
    "none": Transform("none", "No transform (paper).", lambda x, codes, shrinkage: FeatureMap()),
    "centre": Transform(
        "centring",
        "Subtracts the mean of the class means; followed by L2, this is CL2N (Wang et al., 2019, SimpleShot).",
        centring,
        fitted=True,
    ),
    "centre_l2": Transform(
        "L2 and centring",
        "Scales embeddings to length 1, then subtracts the mean of the class means.",
        l2_centring,
        fitted=True,
        base="l2",
    ),
    "power": Transform(
        "power",
        "Signed square root of every feature, which reduces skewness (Hu et al., 2021, PT-MAP).",
        lambda x, codes, shrinkage: FeatureMap("power"),
    ),
    "whiten": Transform(
        "whitening",
        "L2, centring, then every direction is divided by the standard deviation within classes.",
        whitening,
        fitted=True,
        shrinks=True,
        base="l2",
        products=whitened_products,
    ),
    "whiten_clusters": Transform(
        "whitening within clusters",
        "Whitening by the covariance around the k cluster means of each class instead of around class means; with "
        "k = 1 it is whitening.",
        whitening,
        fitted=True,
        shrinks=True,
        base="l2",
        clusters=True,
    ),
}


def fit_transform(
    name: str, x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto", k: int = 1, seed: int = 0
) -> FeatureMap:
    """Fit a transform to shots (n, d) of classes (n,), numbered from 0.

    `k` and `seed` are those of the clusters of transforms that use them.
    """
    entry = look_up(TRANSFORMS, name, "transform")
    if not entry.clusters:
        return entry.fit(x, codes, shrinkage)
    labels, owner = cluster(l2(x), members_in_order(x, codes), k, seed)
    return whitening(x, labels, shrinkage, owner)


def cluster(x: Array, members: list[NDArray[np.intp]], k: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find k-means clusters in each class.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    members : list of ndarray
        Rows of each class; together all of them.
    k, seed : int
        Of `kmeans`; a class of k rows or fewer has a cluster for each.

    Returns
    -------
    labels : ndarray of shape (n,)
        Cluster of each row, numbered from 0, those of a class consecutively.
    owner : ndarray of shape (p,)
        Class of each cluster.
    """
    sizes = np.array([len(rows) for rows in members])
    of_class: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)] * len(members)
    for n in np.unique(sizes):
        alike = np.flatnonzero(sizes == n)
        stack = np.stack([members[c] for c in alike])
        shots = Shots(lambda stack=stack: x[stack], (*stack.shape, x.shape[1]))  # type: ignore[misc]
        weights = kmeans(shots, k, np.full(len(alike), seed))
        for i, c in enumerate(alike):
            of_class[c] = weights.labels(i)
    counts = np.array([int(labels.max()) + 1 for labels in of_class])
    labels = np.empty(len(x), dtype=np.intp)
    for rows, local, start in zip(members, of_class, np.cumsum(counts) - counts, strict=True):
        labels[rows] = local + start
    return labels, np.repeat(np.arange(len(members)), counts)


def order_of_rows(x: Array) -> NDArray[np.intp]:
    """Order the rows of x (n, d) by their bytes, so that results do not depend on the order in which they come."""
    x = np.ascontiguousarray(x)
    return np.argsort(x.view(np.dtype((np.void, x.itemsize * x.shape[1]))).ravel(), kind="stable")


def members_in_order(x: Array, codes: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """Rows of each class (n,), numbered from 0, in the order of `order_of_rows`."""
    order = order_of_rows(x)
    return [order[codes[order] == c] for c in range(int(codes.max()) + 1)]
