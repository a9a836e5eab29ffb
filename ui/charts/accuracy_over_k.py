"""Accuracy over k of an experiment, with the k that its shots suggest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.collapse.merged_tasks import KSelectionJob
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.k_selection import DEFAULT_RULE, RULES
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import charts
from imprint_core.framework.generation import GENERATORS
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute import results
from ui.compute.results import ONE_MEAN
from ui.compute.task_curves import fold_points, suggested_k

SUGGESTION_CAPTION = f"◯: k suggested by the first seed's shots ({RULES[DEFAULT_RULE].label})."
KS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50)


def show_accuracy_over_k(experiment: Experiment, name: str = "accuracy-over-k") -> None:
    """Draw the curve; the suggested k is added when it is known."""
    n = experiment.n_shot
    experiment_with_k = experiment.with_(gen=experiment.recipe.with_k().gen)
    # With k = n every shot is a proxy, so the curve ends there.
    ks = tuple(k for k in KS if k < n) + ((n,) if n <= KS[-1] else ())
    # Displayed only if it takes a while, as with a hundred classes.
    with st.empty(), st.spinner("Accuracy at each k …"):
        accuracies = results.accuracy_over_k(experiment_with_k, ks)
    largest_class = int(np.minimum(np.bincount(results.pool(experiment).y_train), n).max())
    points = fold_points(KSelectionJob(experiment_with_k, ks), largest_class)
    draw = partial(_draw, experiment, name, ks, accuracies)
    draw_progressively(name, points, draw, "Suggesting k", needs_first_point=False)


def _draw(
    experiment: Experiment,
    name: str,
    ks: Sequence[int],
    accuracies: NDArray[np.float64],
    scores: list[Any],
    _: str,
) -> None:
    n, recipe = experiment.n_shot, experiment.recipe
    accuracy = summarize(results.evaluation(experiment).accuracy)
    curve = dict(zip(ks, map(summarize, accuracies), strict=True))
    current: tuple[int, Summary, str] | None = None
    if GENERATORS[recipe.gen].uses_k:
        k = recipe.k
        # With k ≥ n every shot is a proxy. The current k is a point of the curve, too.
        curve[min(k, n)] = accuracy
        current = (min(k, n), accuracy, f"k = {k}" if k <= n else f"k = {k}: all {n} shots")
        one_mean = results.evaluation(experiment.with_(recipe=ONE_MEAN)).accuracy
        reference = ("one mean per class", summarize(one_mean))
    else:
        # A method without k is compared with the corresponding method that has one.
        reference = (f"now: {GENERATORS[recipe.gen].label}", accuracy)
    curve = dict(sorted(curve.items()))
    at_ks, runs = list(curve), list(curve.values())
    best = max(at_ks, key=lambda k: curve[k].median)
    suggested = suggested_k(scores, ks)
    suggestion = f"; the shots suggest k = {suggested}" if suggested is not None else ""
    plot(
        name,
        charts.accuracy_over_k(at_ks, runs, GENERATORS[recipe.with_k().gen].label, current, reference, suggested),
        alt=f"Accuracy over k from {at_ks[0]} to {at_ks[-1]}; the largest median is {curve[best].median:.1f} % at k = "
        f"{best}{suggestion}",
        height=240,
    )
    # Already there before the mark is, so that nothing moves then.
    note = SUGGESTION_CAPTION if scores else ""
    st.caption(f"**Best on these test samples: k = {best}** ({curve[best].median:.1f} %, median). {note}")
