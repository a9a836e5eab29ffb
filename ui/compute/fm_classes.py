"""Cached accuracies of new classes beside those of an FM's own classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.fm_classes import (
    AddedBeside,
    BesideAccuracy,
    JointLayer,
    OldClasses,
    added_beside,
    beside_curve_point,
    joint_layer,
    nearest_old_classes,
)
from imprint_core.framework.normalization import Array
from imprint_core.models import foundation_model
from imprint_core.models.classifier_head import ClassifierHead, read_classifier_separately
from imprint_core.models.libraries import available_weights
from ui.compute import results
from ui.server.shared_cache import shared_cache

OldTest = tuple[Array, NDArray[np.intp], OldClasses]
OLD_DATA = "tiny_imagenet_100"
"""The dataset whose test samples are those of old classes."""


@shared_cache(32)
def _classifier(fm: str, stamp: str) -> tuple[ClassifierHead, str]:
    return read_classifier_separately(foundation_model(fm))


def _read(fm: str) -> tuple[ClassifierHead, str]:
    """Return the classifier of an FM and the digest of its weights; read again if their file changes."""
    file = available_weights(foundation_model(fm))
    return _classifier(fm, "" if file is None else f"{file}:{file.stat().st_mtime_ns}")


def classifier_head(fm: str) -> ClassifierHead:
    """Return the classifier of an FM; raises an `ImprintError` if its weights are missing."""
    return _read(fm)[0]


def weights_digest(fm: str) -> str:
    """Return the digest of the weights that the classifier belongs to."""
    return _read(fm)[1]


@shared_cache(64, results.BY_FILE)
def old_test(info: SetInfo) -> OldTest:
    """Return the test samples of a set of ImageNet's classes, as samples of the classifier's classes.

    Classes whose name the classifier doesn't have, or has twice, are left out.
    """
    head, opened = classifier_head(info.fm), results.embeddings(info)
    numbers = {name: number for number, name in enumerate(head.class_names)}
    labels = np.array([numbers.get(name, -1) for name in info.class_names])[opened.y_test]
    X = opened.X_test[labels >= 0]
    return X, labels[labels >= 0], nearest_old_classes(head.weight, X)


@shared_cache(64, results.BY_FIRST_SEED)
def joint(experiment: Experiment) -> JointLayer:
    """Imprint the first seed's shots beside the FM's classifier; `check_classifier` says whether it is the set's."""
    weight, recipe = classifier_head(experiment.info.fm).weight, experiment.recipe.canonical()
    return joint_layer(weight, *_shots(experiment), recipe, experiment.seeds[0])


def _shots(experiment: Experiment) -> tuple[Array, NDArray[np.int32]]:
    """Return the first seed's shots, and their classes."""
    pool = results.pool(experiment)
    rows = np.concatenate(results.evaluator(experiment).shots(experiment.n_shot, experiment.seeds[0]))
    return pool.X_train[rows], pool.y_train[rows]


@shared_cache(64, results.BY_FIRST_SEED)
def added_class_beside(experiment: Experiment, number: int) -> AddedBeside:
    """Classify the samples of an added class, and those of old classes, among all classes."""
    pool = results.pool(experiment)
    old_info = results.sets()[0].get((experiment.info.fm, OLD_DATA))
    old = None if old_info is None else old_test(old_info)
    layer, recipe, test = joint(experiment), experiment.recipe.canonical(), pool.X_test[pool.y_test == number]
    return added_beside(layer, _shots(experiment), number, test, recipe, experiment.seeds[0], old)


def beside_point(experiment: Experiment, old_info: SetInfo, seed: int) -> tuple[BesideAccuracy, BesideAccuracy]:
    """Return the accuracies of one draw, with plain cosines and with the chosen scale; not cached."""
    split = experiment.split(seed, results.embeddings(experiment.info))
    head = classifier_head(experiment.info.fm)
    return beside_curve_point(head.weight, split, old_test(old_info), experiment.recipe.canonical(), seed)
