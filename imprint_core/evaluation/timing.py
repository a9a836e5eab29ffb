"""Time to generate proxies."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.normalization import Array
from imprint_core.framework.recipe import Recipe

_RUNS = 3


def generation_seconds(X: Array, y: NDArray[np.integer], recipe: Recipe, seed: int) -> float:
    """Seconds that the estimator takes to fit shots on this machine, including NORM pre and post; median of three.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    recipe : Recipe
    seed : int
    """
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
