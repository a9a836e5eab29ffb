"""Cached measures of collapse of the task in force."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core import collapse
from imprint_core.class_statistics import ClassStatistics, class_statistics
from imprint_core.collapse import NC1_VARIANTS
from imprint_core.collapse_curves import nc1_of_split
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation import Evaluator
from imprint_core.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.recipe import Recipe
from imprint_core.spectra import Spectra, spectra
from imprint_core.task import shot_order
from imprint_core.whitening import Shrinkage
from pages.components import cached
from pages.components.cached import Seeds, evaluator, key_of


def _rows(shared: Evaluator, n: int | None, seed: int) -> NDArray[np.intp]:
    return np.concatenate(shared.shots(n, seed))


@st.cache_data(max_entries=256, show_spinner=False)
def _per_class(
    key: str, classes: str, recipe: Recipe, n: int | None, seeds: Seeds, variant: str, _info: SetInfo
) -> NDArray[np.float64]:
    shared = evaluator(_info, classes, recipe)
    own = NC1_VARIANTS[variant]
    rows = [_rows(shared, n, seed) for seed in seeds]
    return np.stack([own.per_class(shared.embedded[r], shared.pool.y_train[r]) for r in rows])


def nc1_per_class(
    info: SetInfo, classes: str, recipe: Recipe, n: int | None, seeds: Seeds, variant: str
) -> NDArray[np.float64]:
    """What each class adds to NC1 (s, C), for the shots of each seed; n None takes all training samples."""
    return _per_class(key_of(info), classes, space_of(recipe), n, seeds, variant, info)


def space_of(recipe: Recipe) -> Recipe:
    """A recipe of the same space: what isn't looked at must not make another key."""
    return Recipe("mean", 1, recipe.norm_pre, norm_inf=recipe.norm_inf)


@st.cache_data(max_entries=128, show_spinner=False)
def _measures(
    key: str, classes: str, recipe: Recipe, n: int, seed: int, variant: str, whole: bool, _info: SetInfo
) -> dict[str, float]:
    shared = evaluator(_info, classes, recipe)
    imprint = shared.imprint(recipe, n, seed)
    rows = np.arange(len(shared.pool.y_train)) if whole else _rows(shared, n, seed)
    codes = np.searchsorted(shared.classes, shared.pool.y_train[rows])
    norm = NORMALIZATIONS[recipe.norm_pre].function
    x = norm(shared.pool.X_train[rows])
    # With fewer samples than dimensions VCI is 0 whatever the classes are, and Σ_W takes seconds.
    told = len(rows) > x.shape[1] + len(shared.classes)
    own = class_statistics(x, codes, covariance=told and variant == "textbook")
    predictions = cached.evaluation(_info, classes, recipe, n, (seed,)).predictions[0]
    return {
        "nc1": float(NC1_VARIANTS[variant].per_class(x, codes).mean()),
        "cdnv": collapse.mean_cdnv(own),
        "traces": collapse.trace_ratio(own),
        "vci": _vci(own, x, codes, variant) if told else float("nan"),
        "equinorm": collapse.equinorm(own),
        "equiangularity": collapse.equiangularity(own),
        "etf": collapse.etf_distance(own),
        "nc3": _nc3(recipe, imprint.proxies, imprint.classes, imprint.X_train[rows], codes),
        "nc4": 100 * collapse.nc4(predictions, norm(shared.pool.X_test), own),
    }


def _vci(own: ClassStatistics, x: NDArray[np.float32], codes: NDArray[np.intp], variant: str) -> float:
    return collapse.published_vci(x, codes) if variant == "published" else collapse.vci(own)


def _nc3(
    recipe: Recipe,
    proxies: NDArray[np.float32],
    y_proxies: NDArray[np.intp],
    x: NDArray[np.float32],
    codes: NDArray[np.intp],
) -> float:
    starts = np.flatnonzero(np.diff(y_proxies, prepend=-1))
    normed = POST_NORMALIZATIONS[recipe.norm_post].function(proxies, starts)
    return collapse.nc3(normed, y_proxies, class_statistics(x, codes))


def measures(
    info: SetInfo, classes: str, recipe: Recipe, n: int, seed: int, variant: str, whole: bool
) -> dict[str, float]:
    """Every measure of the shots of one seed, or of all training samples; proxies are those of the shots either way."""
    return _measures(key_of(info), classes, recipe.canonical(), n, seed, variant, whole, info)


def nc1_of_parts(
    info: SetInfo, classes: str, recipe: Recipe, k: int, n: int, seeds: Seeds, variant: str
) -> list[float]:
    """NC1 of the shots' classes split into k parts each, for each seed; not cached here."""
    shared = evaluator(info, classes, recipe)
    rows = [_rows(shared, n, seed) for seed in seeds]
    return [
        nc1_of_split(shared.embedded[own], shared.pool.y_train[own], k, seed, variant)
        for own, seed in zip(rows, seeds, strict=True)
    ]


def stage_spectra(info: SetInfo, classes: str, n: int, seed: int, stage: str, shrinkage: Shrinkage) -> Spectra:
    """Spectra of the shots of one seed at a stage; not cached here."""
    pool = cached.pool(info, classes)
    rows = np.concatenate([order[:n] for order in shot_order(pool.y_train, seed)])
    return spectra(pool.X_train[rows], pool.y_train[rows], pool.X_test, pool.y_test, stage, shrinkage)
