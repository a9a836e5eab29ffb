"""The two sides of a comparison, A and B, and what each gets right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import Split
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.text import recipe_label
from ui.compute import results
from ui.controls.recipe import recipe_from_values, recipe_values
from ui.controls.second_recipe import recipe_text, second_recipe, second_values
from ui.controls.sidebar import Selection
from ui.panels.compare.controls import SAME, fm_of_b
from ui.text.labels import label_of_dataset, label_of_fm


@dataclass(frozen=True)
class Side:
    """One side: a recipe on a task.

    Attributes
    ----------
    sign : str
        "A" or "B".
    info : SetInfo
    classes : str
    n : int
    recipe : Recipe
    """

    sign: str
    info: SetInfo
    classes: str
    n: int
    recipe: Recipe

    @property
    def task(self) -> str:
        """Its task in words."""
        which = "" if self.classes == "all" else f", classes {self.classes}"
        return f"{label_of_fm(self.info.fm)} on {label_of_dataset(self.info.dataset)}{which}, {self.n} shots"

    @property
    def experiment(self) -> Experiment:
        """The recipe on the task, with the default seeds."""
        return Experiment(self.info, self.classes, self.n, self.recipe)

    @property
    def pool(self) -> Split:
        """All samples of its classes."""
        return results.pool(self.experiment)

    def right(self, seeds: tuple[int, ...]) -> NDArray[np.bool_]:
        """Which test samples (s, m) it gets right."""
        return self.predicted(seeds) == self.pool.y_test

    def predicted(self, seeds: tuple[int, ...]) -> NDArray[np.int32]:
        """Class numbers (s, m) that it gives the test samples."""
        experiment = self.experiment.with_(seeds=seeds)
        return results.evaluator(experiment).classes[results.evaluation(experiment).predictions]


def sides(selection: Selection) -> tuple[Side, Side]:
    """A, which is the sidebar's choice, and B."""
    values, sets = selection.panel.values, selection.panel.sets
    a = Side("A", selection.info, selection.experiment.classes, selection.n, selection.recipe)
    fm = fm_of_b(values)
    info = sets[fm, values["data"] if values["b_data"] == SAME else values["b_data"]]
    classes = a.classes if info.dataset == a.info.dataset else "all"
    asked = a.n if values["b_n"] == SAME else int(values["b_n"])
    of_b = {**values, "fm": fm}
    recipe = recipe_from_values(of_b) if values["b"] == SAME else second_recipe(values["b"], of_b)
    return a, Side("B", info, classes, min(asked, results.most_shots(info, classes)), recipe or selection.recipe)


def paired(a: Side, b: Side) -> bool:
    """Whether both have the same test samples in the same classes."""
    if a.info.dataset != b.info.dataset:
        return False
    one, other = a.pool, b.pool
    return np.array_equal(one.id_test, other.id_test) and np.array_equal(one.y_test, other.y_test)


def alike(a: Side, b: Side) -> bool:
    """Whether nothing differs."""
    return same_task(a, b) and same_recipe(a, b)


def same_task(a: Side, b: Side) -> bool:
    """Whether only recipes differ."""
    return (a.info.digest, a.classes, a.n) == (b.info.digest, b.classes, b.n)


def same_recipe(a: Side, b: Side) -> bool:
    """Whether both recipes do the same."""
    return a.recipe.canonical() == b.recipe.canonical()


def recipes_told(a: Side, b: Side) -> tuple[str, str]:
    """The recipes in a few words each; in all words where these are the same."""
    few = recipe_label(a.recipe), recipe_label(b.recipe)
    return (str(a.recipe), str(b.recipe)) if few[0] == few[1] and not same_recipe(a, b) else few


def swap(selection: Selection) -> None:
    """A becomes B, and B A; for buttons' callbacks."""
    a, b = sides(selection)
    state, values = st.session_state, selection.panel.values
    of_a = recipe_text(values)
    state.update(recipe_values(b.recipe), lam=b.recipe.lam)
    state.lam_from = (values if values["b"] == SAME else second_values(values["b"], values))["lam_from"]
    state.update(fm=b.info.fm, data=b.info.dataset, classes=b.classes, n=b.n, b=of_a)
    state.b_fm = SAME if a.info.fm == b.info.fm else a.info.fm
    state.b_data = SAME if a.info.dataset == b.info.dataset else a.info.dataset
    state.b_n = SAME if a.n == b.n else a.n


def copy_to_b(selection: Selection) -> None:
    """B becomes as A is now, to stay so while A is changed; for buttons' callbacks."""
    st.session_state.update(b=recipe_text(selection.panel.values), b_fm=SAME, b_data=SAME, b_n=SAME)
