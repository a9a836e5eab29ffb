"""Transforms of shots and test embeddings before NORM, an extension of the paper.

Centring (SimpleShot), a power transform, and within-class whitening. They are fitted to the shots only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.feature_map import FeatureMap, class_means
from imprint_core.framework.normalization import Array
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
    """

    fit: Callable[[Array, NDArray[np.integer], Shrinkage], FeatureMap]
    fitted: bool = False
    shrinks: bool = False
    base: str = ""
    products: Callable[..., WhitenedProducts | None] | None = None


def centring(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> FeatureMap:
    """Subtract the mean of the class means; followed by L2, this is CL2N (Wang et al., 2019, SimpleShot)."""
    means, _ = class_means(x, codes)
    return FeatureMap(centre=means.mean(axis=0).astype(x.dtype))


TRANSFORMS: dict[str, Transform] = {
    "none": Transform("none", "No transform (paper).", lambda x, codes, shrinkage: FeatureMap()),
    "centre": Transform(
        "centring",
        "Subtracts the mean of the class means; followed by L2, this is CL2N (Wang et al., 2019, SimpleShot).",
        centring,
        fitted=True,
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
}


def fit_transform(name: str, x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> FeatureMap:
    """Fit a transform to shots (n, d) of classes (n,)."""
    return look_up(TRANSFORMS, name, "transform").fit(x, codes, shrinkage)
