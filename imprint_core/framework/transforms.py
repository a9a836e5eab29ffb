"""The table of maps that shots and test embeddings go through before NORM: beyond the paper.

Centring (SimpleShot), a power transform, and within-class whitening. They look at the shots only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.feature_map import Map, class_means
from imprint_core.framework.normalization import Array
from imprint_core.framework.whitening import Shrinkage, WhitenedProducts, whitened_products, whitening
from imprint_core.registry import Entry, look_up


@dataclass(frozen=True)
class Transform(Entry):
    """An entry of the table.

    Attributes
    ----------
    fit : callable
        Maps shots (n, d), their class numbers (n,) from 0 up, and a shrinkage to a `Map`.
    fitted : bool
        Whether the map depends on the shots.
    shrinks : bool
        Whether it looks at the shrinkage.
    base : str
        Key of `NORMALIZATIONS` of what it does first; empty where it takes embeddings as they are.
    products : callable or None
        The same from inner products alone, for embeddings wider than the shots are many.
    """

    fit: Callable[[Array, NDArray[np.integer], Shrinkage], Map]
    fitted: bool = False
    shrinks: bool = False
    base: str = ""
    products: Callable[..., WhitenedProducts | None] | None = None


def centring(x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> Map:
    """Subtract the mean of the class means; with L2 after it, CL2N of Wang et al. (SimpleShot, 2019)."""
    means, _ = class_means(x, codes)
    return Map(centre=means.mean(axis=0).astype(x.dtype))


TRANSFORMS: dict[str, Transform] = {
    "none": Transform("none", "Embeddings as they are (the paper).", lambda x, codes, shrinkage: Map()),
    "centre": Transform(
        "centring",
        "Less the mean of the class means; with L2 after it this is CL2N (Wang et al., 2019, SimpleShot).",
        centring,
        fitted=True,
    ),
    "power": Transform(
        "power",
        "The square root of every feature, with its sign, which evens out long tails (Hu et al., 2021, PT-MAP).",
        lambda x, codes, shrinkage: Map("power"),
    ),
    "whiten": Transform(
        "whitening",
        "L2, centring, then every direction is divided by the classes' own spread along it: collapse by hand.",
        whitening,
        fitted=True,
        shrinks=True,
        base="l2",
        products=whitened_products,
    ),
}


def fit_transform(name: str, x: Array, codes: NDArray[np.integer], shrinkage: Shrinkage = "auto") -> Map:
    """Fit a transform of the table to shots (n, d) of classes (n,)."""
    return look_up(TRANSFORMS, name, "transform").fit(x, codes, shrinkage)
