"""The two sides of a comparison: experiments A and B."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import Split
from imprint_core.recipes.text import recipe_label
from ui.compute import results
from ui.controls.recipe import recipe_from_values, recipe_text, recipe_values, second_recipe, second_values
from ui.controls.sidebar import Selection
from ui.panels.compare.controls import SAME, fm_of_b
from ui.text.labels import count_text, label_of_dataset, label_of_fm


@dataclass(frozen=True)
class Side:
    """One side of the comparison, named A or B."""

    name: str
    experiment: Experiment

    @property
    def n(self) -> int:
        """Shots per class."""
        return self.experiment.n_shot or 0

    @property
    def task(self) -> str:
        """Label of the task."""
        info, classes = self.experiment.info, self.experiment.classes
        subset = "" if classes == "all" else f", classes {classes}"
        return f"{label_of_fm(info.fm)} on {label_of_dataset(info.dataset)}{subset}, {self.n} shots"

    @property
    def tested(self) -> Split:
        """The samples that both shots and test samples are drawn from."""
        return results.pool(self.experiment).evaluated

    @property
    def tested_text(self) -> str:
        """Number of test samples."""
        return count_text(len(self.tested.y_test), self.experiment.info)

    @lazy_property
    def predicted(self) -> NDArray[np.int32]:
        """Predicted class numbers (seeds, test samples)."""
        return results.evaluator(self.experiment).classes[results.evaluation(self.experiment).predictions]

    @lazy_property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction (seeds, test samples) is correct."""
        return self.predicted == self.tested.y_test


def sides(selection: Selection) -> tuple[Side, Side]:
    """A, which is the sidebar's selection, and B."""
    values, sets, a = selection.panel.values, selection.panel.sets, selection.experiment
    fm = fm_of_b(values)
    info = sets[fm, values["data"] if values["b_data"] == SAME else values["b_data"]]
    classes = a.classes if info.dataset == a.info.dataset else "all"
    n = min(a.n_shot if values["b_n"] == SAME else int(values["b_n"]), results.most_shots(info, classes))
    values_of_b = {**values, "fm": fm}
    recipe = recipe_from_values(values_of_b) if values["b"] == SAME else second_recipe(values["b"], values_of_b)
    b = a.with_(info=info, classes=classes, n_shot=n, recipe=recipe or a.recipe)
    return Side("A", a), Side("B", b)


def paired(a: Side, b: Side) -> bool:
    """Whether both have the same test samples in the same classes."""
    if a.experiment.info.dataset != b.experiment.info.dataset:
        return False
    of_a, of_b = a.tested, b.tested
    return np.array_equal(of_a.id_test, of_b.id_test) and np.array_equal(of_a.y_test, of_b.y_test)


def same_task(a: Side, b: Side) -> bool:
    """Whether A and B have the same samples and shots."""
    return (a.experiment.samples_key, a.n) == (b.experiment.samples_key, b.n)


def same_recipe(a: Side, b: Side) -> bool:
    """Whether both recipes are equivalent."""
    return a.experiment.recipe.canonical() == b.experiment.recipe.canonical()


def recipe_labels(a: Side, b: Side) -> tuple[str, str]:
    """Short labels of the recipes, or complete ones if different recipes have the same short label."""
    recipes = a.experiment.recipe, b.experiment.recipe
    labels = recipe_label(recipes[0]), recipe_label(recipes[1])
    return (str(recipes[0]), str(recipes[1])) if labels[0] == labels[1] and not same_recipe(a, b) else labels


def swap(selection: Selection) -> None:
    """Swap A and B; for buttons' callbacks."""
    a, b = (side.experiment for side in sides(selection))
    state, values = st.session_state, selection.panel.values
    text_of_a = recipe_text(values)
    state.update(recipe_values(b.recipe), lam=b.recipe.lam)
    state.lam_from = (values if values["b"] == SAME else second_values(values["b"], values))["lam_from"]
    state.update(fm=b.info.fm, data=b.info.dataset, classes=b.classes, n=b.n_shot, b=text_of_a)
    state.b_fm = SAME if a.info.fm == b.info.fm else a.info.fm
    state.b_data = SAME if a.info.dataset == b.info.dataset else a.info.dataset
    state.b_n = SAME if a.n_shot == b.n_shot else a.n_shot


def copy_to_b(selection: Selection) -> None:
    """Set B to the current A; for buttons' callbacks."""
    st.session_state.update(b=recipe_text(selection.panel.values), b_fm=SAME, b_data=SAME, b_n=SAME)
