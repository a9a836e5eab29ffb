"""Cached measures of collapse of the task in force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.collapse import measures as collapse
from imprint_core.collapse.class_statistics import ClassStatistics, class_statistics
from imprint_core.collapse.k_curves import nc1_of_split
from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.collapse.spectra import Spectra, spectra
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.task import shot_order
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.recipe import Recipe
from imprint_core.framework.whitening import Shrinkage
from ui.compute import results
from ui.compute.results import Seeds, evaluator, key_of


@st.cache_data(max_entries=1024, show_spinner=False)
def _per_class(
    key: str, classes: str, norm: str, n: int | None, seeds: Seeds, variant: str, _info: SetInfo
) -> NDArray[np.float64]:
    return np.stack([NC1_VARIANTS[variant].per_class(*_shots(_info, classes, norm, n, seed)) for seed in seeds])


def nc1_per_class(
    info: SetInfo, classes: str, norm: str, n: int | None, seeds: Seeds, variant: str
) -> NDArray[np.float64]:
    """What each class adds to NC1 (s, C) after a NORM_pre, for the shots of each seed; n None takes all samples."""
    return _per_class(key_of(info), classes, norm, n, seeds, variant, info)


@st.cache_data(max_entries=128, show_spinner=False)
def _spreads(
    key: str, classes: str, norm: str, n: int | None, seed: int, variant: str, _info: SetInfo
) -> tuple[dict[str, float], ClassStatistics]:
    x, y = _shots(_info, classes, norm, n, seed)
    codes = np.unique(y, return_inverse=True)[1]
    # With fewer samples than dimensions VCI is 0 whatever the classes are, and Σ_W takes seconds.
    told = len(x) > x.shape[1] + codes.max() + 1
    own, nc1 = class_statistics(x, codes, covariance=told and variant == "textbook"), NC1_VARIANTS[variant]
    values = {
        # Of the same statistics where they are of the same μ_G.
        "nc1": float((nc1.of(own) if nc1.center == "classes" else nc1.per_class(x, codes)).mean()),
        "cdnv": collapse.mean_cdnv(own),
        "traces": collapse.trace_ratio(own),
        "vci": _vci(own, x, codes, variant) if told else float("nan"),
        "equinorm": collapse.equinorm(own),
        "equiangularity": collapse.equiangularity(own),
        "etf": collapse.etf_distance(own),
    }
    return values, replace(own, covariance=None)


def _shots(
    info: SetInfo, classes: str, norm: str, n: int | None, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    pool = results.pool(info, classes)
    rows = np.concatenate([order[:n] for order in shot_order(pool.y_train, seed)])
    return _normed(key_of(info), classes, norm, info)[rows], pool.y_train[rows]


@st.cache_resource(max_entries=4, show_spinner=False)
def _normed(key: str, classes: str, norm: str, _info: SetInfo) -> NDArray[np.float32]:
    return NORMALIZATIONS[norm].function(results.pool(_info, classes).X_train)


@st.cache_data(max_entries=128, show_spinner=False)
def _proxies(
    key: str, classes: str, recipe: Recipe, n: int, seeds: Seeds, place: int, whole: bool, _info: SetInfo
) -> dict[str, float]:
    shared, seed = evaluator(_info, classes, recipe), seeds[place]
    imprint = shared.imprint(recipe, n, seed)
    rows = np.arange(len(shared.pool.y_train)) if whole else np.concatenate(shared.shots(n, seed))
    codes = np.searchsorted(shared.classes, shared.pool.y_train[rows])
    # The same of every choice but of the recipe's space.
    _, own = _spreads(key, classes, recipe.norm_pre, None if whole else n, seed, "textbook", _info)
    test = NORMALIZATIONS[recipe.norm_pre].function(shared.pool.X_test)
    predictions = results.evaluation(_info, classes, recipe, n, seeds).predictions[place]
    return {
        "nc3": _nc3(recipe, imprint.proxies, imprint.classes, imprint.X_train[rows], codes),
        "nc4": 100 * collapse.nc4(predictions, test, own),
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
    info: SetInfo, classes: str, recipe: Recipe, n: int, seeds: Seeds, place: int, variant: str, whole: bool
) -> dict[str, float]:
    """Every measure of the shots of one of the seeds, or of all samples; the proxies are that seed's either way."""
    key, own = key_of(info), recipe.canonical()
    spreads, _ = _spreads(key, classes, own.norm_pre, None if whole else n, seeds[place], variant, info)
    return {**spreads, **_proxies(key, classes, own, n, seeds, place, whole, info)}


def nc1_of_parts(info: SetInfo, classes: str, norm: str, k: int, n: int, seeds: Seeds, variant: str) -> list[float]:
    """NC1 of the shots' classes split into k parts each, for each seed; not cached here."""
    return [nc1_of_split(*_shots(info, classes, norm, n, seed), k, seed, variant) for seed in seeds]


def stage_spectra(
    info: SetInfo, classes: str, n: int, seed: int, stage: str, shrinkage: Shrinkage, variant: str
) -> Spectra:
    """Spectra of the shots of one seed at a stage; not cached here."""
    pool = results.pool(info, classes)
    return spectra(*_shots(info, classes, "none", n, seed), pool.X_test, pool.y_test, stage, shrinkage, variant)
