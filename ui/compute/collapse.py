"""Cached measures of neural collapse of an experiment's shots and proxies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse import measures as collapse
from imprint_core.collapse.class_statistics import ClassStatistics, NormalizedRows, class_statistics
from imprint_core.collapse.k_curves import nc1_of_split
from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.collapse.spectra import Spectra, spectra
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.evaluation.task import shot_order
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS
from imprint_core.framework.whitening import Shrinkage
from ui.compute import results
from ui.compute.results import BY_RESULT
from ui.server.shared_cache import Keys, shared_cache


def shots_key(experiment: Experiment) -> str:
    """Identify the shots after NORM pre: all that NC1 depends on."""
    return f"{experiment.samples_key}\n{experiment.recipe.norm_pre}\n{experiment.n_shot}\n{experiment.seeds}"


_BY_SHOTS: Keys = {Experiment: shots_key}


@shared_cache(16, _BY_SHOTS)
def nc1_per_class(experiment: Experiment, variant: str) -> NDArray[np.float64]:
    """Return each class's share of NC1 (s, C) after NORM pre, for the shots of each seed."""
    per_class = NC1_VARIANTS[variant].per_class
    return np.stack([per_class(*_shots(experiment, seed)) for seed in experiment.seeds])


def nc1(experiment: Experiment, variant: str = "textbook") -> Summary | None:
    """Return NC1 of the shots over seeds; None for one class or one shot, of which nothing varies."""
    if experiment.n_shot == 1 or len(results.evaluator(experiment).classes) < 2:
        return None
    run = summarize(nc1_per_class(experiment, variant).mean(axis=1))
    all_shots = (experiment.n_shot or 0) >= results.most_shots(experiment.info, experiment.classes)
    return replace(run, runs=1) if all_shots else run


@shared_cache(64, _BY_SHOTS)
def _spreads(experiment: Experiment, variant: str) -> tuple[dict[str, float], ClassStatistics]:
    """Return the measures of the first seed's shots, and their class statistics."""
    x, y = _shots(experiment, experiment.seeds[0])
    codes = np.unique(y, return_inverse=True)[1]
    # With fewer samples than dimensions VCI is 0 for any classes, and Σ_W takes seconds.
    enough = len(x) > x.shape[1] + codes.max() + 1
    statistics = class_statistics(x, codes, covariance=enough and variant != "published")
    measure = NC1_VARIANTS[variant]
    values = {
        # Computed from the same statistics if it uses the same μ_G.
        "nc1": float((measure.of(statistics) if measure.center == "classes" else measure.per_class(x, codes)).mean()),
        "cdnv": collapse.mean_cdnv(statistics),
        "traces": collapse.trace_ratio(statistics),
        "vci": float("nan"),
        "equinorm": collapse.equinorm(statistics),
        "equiangularity": collapse.equiangularity(statistics),
        "etf": collapse.etf_distance(statistics),
    }
    if enough:
        values["vci"] = collapse.published_vci(x, codes) if variant == "published" else collapse.vci(statistics)
    return values, replace(statistics, covariance=None)


def _shots(experiment: Experiment, seed: int) -> tuple[NormalizedRows, NDArray[np.int32]]:
    pool = results.pool(experiment)
    rows = np.concatenate([order[: experiment.n_shot] for order in shot_order(pool.y_train, seed)])
    return NormalizedRows(pool.X_train, rows, NORMALIZATIONS[experiment.recipe.norm_pre].function), pool.y_train[rows]


@shared_cache(8, BY_RESULT)
def _proxies(experiment: Experiment, seed_index: int, whole: bool) -> dict[str, float]:
    shared, recipe, seed = results.evaluator(experiment), experiment.recipe.canonical(), experiment.seeds[seed_index]
    imprint = shared.imprint(recipe, experiment.n_shot, seed)
    shots = shared.shots(experiment.n_shot, seed)
    rows = np.arange(len(shared.pool.y_train)) if whole else np.concatenate(shots)
    codes = np.searchsorted(shared.classes, shared.pool.y_train[rows])
    # The class statistics are those of any variant.
    _, statistics = _spreads(_of_seed(experiment, seed_index, whole), "textbook")
    test = NORMALIZATIONS[recipe.norm_pre].function(shared.pool.X_test)
    predictions = results.evaluation(experiment).predictions[seed_index]
    starts = np.flatnonzero(np.diff(imprint.classes, prepend=-1))
    proxies = POST_NORMALIZATIONS[recipe.norm_post].function(imprint.proxies, starts)
    return {
        "nc3": collapse.nc3(proxies, imprint.classes, class_statistics(imprint.X_train[rows], codes)),
        "nc4": 100 * collapse.nc4(predictions, test, statistics),
    }


def _of_seed(experiment: Experiment, seed_index: int, whole: bool) -> Experiment:
    """Return the experiment with one seed, on all samples if `whole`."""
    n_shot = None if whole else experiment.n_shot
    return experiment.with_(seeds=experiment.seeds[seed_index : seed_index + 1], n_shot=n_shot)


def measures(experiment: Experiment, seed_index: int, variant: str, whole: bool) -> dict[str, float]:
    """Return every measure of one seed's shots, or of all samples; proxies are that seed's in both cases."""
    spreads, _ = _spreads(_of_seed(experiment, seed_index, whole), variant)
    return {**spreads, **_proxies(experiment, seed_index, whole)}


def nc1_of_parts(experiment: Experiment, k: int, variant: str) -> list[float]:
    """Return NC1 of the shots' classes split into k parts each, for each seed; not cached."""
    runs = [(seed, *_shots(experiment, seed)) for seed in experiment.seeds]
    return [nc1_of_split(shots[:], y, k, seed, variant) for seed, shots, y in runs]


def stage_spectra(experiment: Experiment, stage: str, shrinkage: Shrinkage, variant: str) -> Spectra:
    """Return spectra of the first seed's shots at a stage; not cached."""
    pool, unnormalized = results.pool(experiment), experiment.with_(norm_pre="none")
    shots, y = _shots(unnormalized, experiment.seeds[0])
    return spectra(shots[:], y, pool.X_test, pool.y_test, stage, shrinkage, variant)
