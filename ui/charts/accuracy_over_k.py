"""Accuracy over k of an experiment, with the k that its shots suggest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.collapse.merged_tasks import Asking, with_k
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import charts
from imprint_core.framework.generation import GENERATORS
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute import results
from ui.compute.results import ONE_MEAN
from ui.compute.task_curves import HOW, fold_points, suggested_of

KS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50)


def show_accuracy_over_k(experiment: Experiment, name: str = "accuracy-over-k") -> None:
    """Draw the curve; the suggested k is added when it is known."""
    n, gen = experiment.n_shot, with_k(experiment.recipe).gen
    # With k = n every shot is a proxy, so the curve ends there.
    ks = tuple(k for k in KS if k < n) + ((n,) if n <= KS[-1] else ())
    # Displayed only if it takes a while, as with a hundred classes.
    with st.empty(), st.spinner("Accuracy at each k …"):
        accuracies = results.accuracy_over_k(experiment.with_(gen=gen), ks)
    asking = Asking(experiment.info, experiment.classes, experiment.with_(gen=gen).recipe, ks, n, experiment.seeds[0])
    most = int(np.minimum(np.bincount(results.pool(experiment).y_train), n).max())
    draw = partial(_draw, experiment, name, ks, accuracies)
    draw_progressively(name, fold_points(asking, most), draw, "Suggesting k", needs_first_point=False)


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
    at, runs = tuple(sorted(curve)), [curve[k] for k in sorted(curve)]
    best = max(zip(at, runs, strict=True), key=lambda pair: pair[1].median)
    suggested = suggested_of(scores, ks)
    suggestion = f"; the shots suggest k = {suggested}" if suggested is not None else ""
    plot(
        name,
        charts.accuracy_over_k(at, runs, GENERATORS[with_k(recipe).gen].label, current, reference, suggested),
        alt=f"Accuracy over k from {at[0]} to {at[-1]}; the largest median is {best[1].median:.1f} % at k = {best[0]}"
        + suggestion,
        height=240,
    )
    # Written before the mark joins the curve, so that nothing moves then.
    how = HOW if scores else ""
    st.caption(f"**Best on these test samples: k = {best[0]}** ({best[1].median:.1f} %, median). {how}")
