"""Cached calls into the core. Keys are digests and small frozen values, never arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo, find_sets, open_set
from imprint_core.embeddings.set_images import images_of
from imprint_core.embeddings.store import EXPLORED
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluation, Evaluator
from imprint_core.evaluation.task import Split, choose_classes
from imprint_core.evaluation.task import class_names as names_of
from imprint_core.framework.recipe import Recipe, Space
from imprint_core.paths import data_folder
from ui.text.markdown import plain

if TYPE_CHECKING:
    from imprint_core.framework.classifier import ImprintingClassifier

Sets = dict[tuple[str, str], SetInfo]
Seeds = tuple[int, ...]


def sets() -> tuple[Sets, list[str]]:
    """The sets at hand, looked up at every run, and what is wrong with the others, in Markdown."""
    found, problems = find_sets()
    return found, [plain(problem) for problem in problems]


@st.cache_resource(max_entries=4, show_spinner=False)
def _embeddings(digest: str, _info: SetInfo) -> EmbeddingSet:
    return open_set(_info, EXPLORED)


def embeddings(info: SetInfo) -> EmbeddingSet:
    """The opened set, checked and decoded once; of a very large one a part, the same always."""
    return _embeddings(f"{info.path}:{info.digest}", info)


def largest_class(info: SetInfo) -> int:
    """Training samples of the largest class, as far as pages look at them."""
    samples = info.meta["samples"]["train"]
    if samples["count"] <= EXPLORED[0]:
        return int(samples["per_class_most"])
    return int(np.bincount(embeddings(info).y_train).max())


def class_sizes(info: SetInfo) -> list[int]:
    """Training samples of each class, as far as pages look at them."""
    samples, count = info.meta["samples"]["train"], len(class_names(info))
    if samples["per_class_least"] == samples["per_class_most"] and samples["count"] <= EXPLORED[0]:
        return [int(samples["per_class_most"])] * count
    return [int(size) for size in np.bincount(embeddings(info).y_train, minlength=count)]


def key_of(info: SetInfo) -> str:
    """What every result hangs on: the embeddings, and what their classes are called."""
    return "\n".join([info.digest, *info.class_names])


def class_names(info: SetInfo) -> tuple[str, ...]:
    """Class names by number; empty where they are known by an opened set only, and it can't be opened."""
    if info.class_names:
        return info.class_names
    try:
        return names_of(embeddings(info))
    except ImprintError:
        return ()


@st.cache_resource(max_entries=4, show_spinner=False)
def _pool(key: str, classes: str, _info: SetInfo) -> Split:
    return choose_classes(embeddings(_info), classes)


def pool(info: SetInfo, classes: str) -> Split:
    """All samples of the classes that take part."""
    return _pool(key_of(info), classes, info)


@st.cache_resource(max_entries=5, show_spinner=False)
def _evaluator(key: str, classes: str, space: Space, _info: SetInfo) -> Evaluator:
    return Evaluator(_pool(key, classes, _info), space)


def evaluator(info: SetInfo, classes: str, recipe: Recipe) -> Evaluator:
    """What every recipe of this one's space shares."""
    return _evaluator(key_of(info), classes, recipe.canonical().space, info)


@st.cache_resource(max_entries=8, show_spinner=False)
def _classifier(
    key: str, classes: str, recipe: Recipe, n: int, seed: int, _info: SetInfo
) -> tuple[ImprintingClassifier, NDArray[np.intp]]:
    # Here, for it imports scikit-learn, which the first page does without.
    from imprint_core.framework.classifier import ImprintingClassifier

    shared = evaluator(_info, classes, recipe)
    rows = np.concatenate(shared.shots(n, seed))
    model = ImprintingClassifier.from_recipe(recipe, random_state=seed)
    return model.fit(shared.pool.X_train[rows], shared.pool.y_train[rows]), rows


def classifier(
    info: SetInfo, classes: str, recipe: Recipe, n: int, seed: int
) -> tuple[ImprintingClassifier, NDArray[np.intp]]:
    """The estimator, fitted on one draw, and its shots' rows in the evaluator's pool."""
    return _classifier(key_of(info), classes, recipe.canonical(), n, seed, info)


@st.cache_resource(max_entries=2, show_spinner=False)
def _pictures(key: str, root: str, _info: SetInfo) -> Splits | None:
    return images_of(embeddings(_info))


def pictures(info: SetInfo) -> Splits | None:
    """The images behind a set's samples, where they are on this machine."""
    # Sets of the same tensors may be of other images.
    key = f"{info.path}\n{key_of(info)}"
    with st.spinner("Looking for the images …"):
        return _pictures(key, str(data_folder()), info)


@st.cache_data(max_entries=1024, show_spinner=False)
def _evaluation(key: str, classes: str, recipe: Recipe, n: int, seeds: Seeds, _info: SetInfo) -> Evaluation:
    return evaluator(_info, classes, recipe).evaluate(recipe, n, seeds)


def evaluation(info: SetInfo, classes: str, recipe: Recipe, n: int, seeds: Seeds) -> Evaluation:
    """Predictions and accuracy of a recipe over seeds."""
    return _evaluation(key_of(info), classes, recipe.canonical(), n, seeds, info)


@st.cache_data(max_entries=256, show_spinner=False)
def _curve(
    key: str, classes: str, recipe: Recipe, ks: tuple[int, ...], n: int, seeds: Seeds, _info: SetInfo
) -> NDArray[np.float64]:
    return evaluator(_info, classes, recipe).accuracy_over_k(recipe, ks, n, seeds)


def accuracy_over_k(
    info: SetInfo, classes: str, recipe: Recipe, ks: tuple[int, ...], n: int, seeds: Seeds
) -> NDArray[np.float64]:
    """Accuracy (len(ks), s) of a recipe at each k, whatever its own k is."""
    return _curve(key_of(info), classes, replace(recipe.canonical(), k=1), ks, n, seeds, info)
