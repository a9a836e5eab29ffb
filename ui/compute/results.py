"""Cached results of experiments, and the embedding sets that they are computed from.

Cached functions take an `Experiment`, which is identified by the part that they depend on: one of `BY_SAMPLES`,
`BY_SPACE`, `BY_FIRST_SEED` and `BY_RESULT`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.datasets import DATASETS
from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo, find_sets, open_set
from imprint_core.embeddings.images import images_of
from imprint_core.embeddings.store import EXPLORED, most_samples
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes
from imprint_core.evaluation.evaluator import Evaluation, Evaluator, TransformDiagnostics
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.lru_cache import LruCache
from imprint_core.evaluation.task import FEW_TEST_SAMPLES, Split, shot_order
from imprint_core.evaluation.task import class_names as names_of
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.paths import bundled_folder, data_folder, user_folder
from imprint_core.recipes.presets import PRESETS
from ui.compute.progressive import Point, missing_points
from ui.server.session import session_id
from ui.server.shared_cache import Keys, shared_cache, shared_values
from ui.server.turns import long_computation, short_computation
from ui.server.visitor_uploads import own_folders
from ui.text.markdown import plain

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

Sets = dict[tuple[str, str], SetInfo]

# The recipe that accuracies are compared with.
ONE_MEAN = PRESETS["qi"].recipe

# How caches identify an experiment: by its samples, also by the recipe's space, by everything but later
# seeds, or by everything.
BY_SAMPLES: Keys = {Experiment: lambda experiment: experiment.samples_key}
BY_SPACE: Keys = {Experiment: lambda experiment: f"{experiment.samples_key}\n{experiment.recipe.canonical().space}"}
BY_FIRST_SEED: Keys = {Experiment: lambda experiment: experiment.first_seed.key}
BY_RESULT: Keys = {Experiment: lambda experiment: experiment.key}
# Sets of the same tensors may have other images and class names.
BY_FILE: Keys = {SetInfo: lambda info: f"{info.path}\n{info.key}"}


def sets() -> tuple[Sets, list[str]]:
    """Return the sets available to the visitor, and why others can't be read, in Markdown."""
    available, problems = find_sets(bundled_folder(), user_folder(), *own_folders())
    return available, [plain(problem) for problem in problems]


@shared_cache(300, BY_FILE)
def embeddings(info: SetInfo) -> EmbeddingSet:
    """Open a set, checked and decoded; always the same part of a very large one."""
    return open_set(info, EXPLORED)


# In tuples, because a value may be None.
_images = LruCache[tuple[Splits | None]](entries=2)


def pictures(info: SetInfo) -> Splits | None:
    """Return the images of a set's samples; None if they are not on this machine."""
    folder = data_folder()
    # Images may be added while the app runs.
    present = tuple(name for name, data in DATASETS.items() if data.present(folder))
    key = (BY_FILE[SetInfo](info), str(folder), present)
    waits = session_id() and key not in _images
    with st.spinner("Looking for the images …") if waits else nullcontext():
        return _images.get(key, lambda: (images_of(embeddings(info)),))[0]


def largest_class(info: SetInfo) -> int:
    """Return the number of training samples of the largest class, within the part that pages open."""
    samples = info.meta["samples"]["train"]
    if samples["count"] <= most_samples(info)[0]:
        return int(samples["per_class_most"])
    return int(np.bincount(embeddings(info).y_train).max())


def class_sizes(info: SetInfo) -> list[int]:
    """Return the number of training samples of each class, within the part that pages open."""
    samples, count = info.meta["samples"]["train"], len(class_names(info))
    if samples["per_class_least"] == samples["per_class_most"] and samples["count"] <= most_samples(info)[0]:
        return [int(samples["per_class_most"])] * count
    return [int(size) for size in np.bincount(embeddings(info).y_train, minlength=count)]


def most_shots(info: SetInfo, classes: str) -> int:
    """Return the number of training samples of the largest class of a spec; a merged class has those of its members."""
    most, names = largest_class(info), class_names(info)
    return most * parse_classes(classes, names).largest if names else most


def class_names(info: SetInfo) -> tuple[str, ...]:
    """Return class names by number; empty if only the tensors have them and can't be opened."""
    if info.class_names:
        return info.class_names
    try:
        return names_of(embeddings(info))
    except ImprintError:
        return ()


def tested_count(info: SetInfo, classes: str) -> int:
    """Return the number of samples that an evaluation tests, from the sidecar where possible."""
    count = int(info.meta["samples"]["test"]["count"])
    if classes == "all" and FEW_TEST_SAMPLES <= count <= most_samples(info)[1]:
        return count
    return len(pool(Experiment(info, classes)).evaluated.y_test)


@shared_cache(150, BY_SAMPLES)
def pool(experiment: Experiment) -> Split:
    """Return all training and test samples of the experiment's classes."""
    return experiment.pool(embeddings(experiment.info))


@shared_cache(700, BY_SPACE, grows=True)
def evaluator(experiment: Experiment) -> Evaluator:
    """Return the evaluator that recipes of the same space share."""
    return Evaluator(pool(experiment), experiment.recipe.canonical().space)


@shared_cache(100, BY_FIRST_SEED, grows=True)
def classifier(experiment: Experiment) -> tuple[ImprintingClassifier, NDArray[np.intp]]:
    """Fit the estimator on the first seed's shots; also return their rows in the pool."""
    # Imported here because it loads scikit-learn, which the first page does without.
    from imprint_core.framework.classifier import ImprintingClassifier

    samples, seed = pool(experiment), experiment.seeds[0]
    rows = np.concatenate(evaluator(experiment).shots(experiment.n_shot, seed))
    model = ImprintingClassifier.from_recipe(experiment.recipe.canonical(), random_state=seed)
    return model.fit(samples.X_train[rows], samples.y_train[rows]), rows


def _turn_of(experiment: Experiment) -> AbstractContextManager[None]:
    return long_computation() if _selects_by_shots(experiment) else short_computation()


def _selects_by_shots(experiment: Experiment) -> bool:
    """Whether left-out shots choose a shrinkage or the strength of a penalty, which takes longer than the rest."""
    recipe = experiment.recipe
    return TRANSFORMS[recipe.pretransform].shrinks or GENERATORS[recipe.gen].trained


def _fit_key(experiment: Experiment) -> str:
    recipe = experiment.recipe.canonical()
    clusters = (recipe.gen, recipe.k) if TRANSFORMS[recipe.pretransform].clusters else ""
    return f"{experiment.samples_key}\n{recipe.space}\n{clusters}"


@shared_cache(8, {Experiment: _fit_key})
def transform_fits(experiment: Experiment, n_shot: int | None, seeds: tuple[int, ...]) -> list[TransformDiagnostics]:
    """Return what the transform estimated on each seed's shots."""
    with _turn_of(experiment):
        return [evaluator(experiment).fit_of(experiment.recipe, n_shot, seed) for seed in seeds]


_evaluations: LruCache[Evaluation] = shared_values(128)
# Shots of a draw above which an evaluation takes long: with a linear probe or a transform within clusters, and with
# another transform.
_LONG_WITH_FOLDS, _LONG = 150, 1000
# Seeds that are evaluated at once, on two cores.
_STEP = 2


def evaluations(experiments: Sequence[Experiment]) -> list[Evaluation]:
    """Evaluate experiments that differ only in recipes of one space, in parallel."""
    by_key = {experiment.key: experiment for experiment in experiments}

    def compute(missing: Sequence[Hashable]) -> list[Evaluation]:
        first = by_key[str(missing[0])]
        recipes = [by_key[str(key)].recipe.canonical() for key in missing]
        with _turn_of(first):
            return evaluator(first).evaluate_each(recipes, first.n_shot, first.seeds)

    values = dict(zip(by_key, _evaluations.get_each(list(by_key), compute), strict=True))
    return [values[experiment.key] for experiment in experiments]


def is_evaluated(experiment: Experiment) -> bool:
    """Return whether the evaluation of the experiment is known, so that it takes no time."""
    return experiment.key in _evaluations


def evaluation(experiment: Experiment) -> Evaluation:
    """Return predictions and accuracy over the experiment's seeds."""
    return evaluations([experiment])[0]


def evaluated_so_far(experiment: Experiment) -> tuple[Experiment, list[Point]]:
    """Return the experiment with the seeds to display now, and what evaluates the others.

    All seeds, unless they take long: then the first one, until the others are evaluated, two at a time.
    """
    if not _takes_long(experiment):
        return experiment, []
    seeds = experiment.seeds
    parts = [experiment.with_(seeds=seeds[i : i + _STEP]) for i in range(1, len(seeds), _STEP)]
    points = [Point((part.key,), partial(evaluation, part)) for part in parts]
    # Of evaluated parts the whole takes a moment.
    known = is_evaluated(experiment) or not missing_points(points, ())
    return (experiment, []) if known else (experiment.first_seed, points)


def _takes_long(experiment: Experiment) -> bool:
    if len(experiment.seeds) == 1 or not _selects_by_shots(experiment):
        return False
    shots, recipe = evaluator(experiment).shots(experiment.n_shot, experiment.seeds[0]), experiment.recipe
    has_folds = TRANSFORMS[recipe.pretransform].clusters or GENERATORS[recipe.gen].trained
    return sum(map(len, shots)) > (_LONG_WITH_FOLDS if has_folds else _LONG)


def fit_seconds(experiment: Experiment) -> float:
    """Return the seconds that the estimator needs to fit the first seed's shots."""
    # Imported here because it loads SciPy, which the first page does without.
    from imprint_core.evaluation.ranking import generation_seconds

    samples, seed = pool(experiment), experiment.seeds[0]
    rows = np.concatenate([order[: experiment.n_shot] for order in shot_order(samples.y_train, seed)])
    return generation_seconds(samples.X_train[rows], samples.y_train[rows], experiment.recipe.canonical(), seed)


def accuracy_over_k(experiment: Experiment, ks: Sequence[int]) -> NDArray[np.float64]:
    """Return the accuracy (len(ks), s) at each k: each point is an evaluation with that k."""
    return np.stack([result.accuracy for result in evaluations([experiment.with_(k=k) for k in ks])])
