"""Accuracy over k of the choice in force, with the k that its shots suggest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.collapse.merged_tasks import Asking, with_k
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures import charts
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.progressive import fill
from ui.compute.task_curves import HOW, fold_points, suggested_of
from ui.controls.sidebar import Selection

KS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50)
ONE_MEAN = PRESETS["qi"].recipe


def accuracies(selection: Selection, recipe: Recipe) -> np.ndarray:
    """Accuracy of a recipe on the task in force, for each seed."""
    return results.evaluation(selection.experiment.with_(recipe=recipe)).accuracy


def show_over_k(selection: Selection, name: str = "accuracy-over-k") -> None:
    """Draw the curve; the suggested k joins it as soon as it is known."""
    n = selection.n
    own = replace(selection.recipe, gen=with_k(selection.recipe).gen)
    # From k = n on every shot is a proxy, so the curve ends there.
    ks = tuple(k for k in KS if k < n) + ((n,) if n <= KS[-1] else ())
    # Shown only where it takes longer than a moment, as with a hundred classes.
    with st.empty(), st.spinner("Accuracy at each k …"):
        at_each = results.accuracy_over_k(selection.experiment.with_(recipe=own), ks)
    asking = Asking(selection.info, selection.experiment.classes, own, ks, n, selection.seeds[0])
    shared = results.evaluator(selection.experiment)
    most = int(np.minimum(np.bincount(shared.pool.y_train), n).max())
    fill(name, fold_points(asking, most), partial(_draw, selection, name, ks, at_each), "Suggesting k", needs=False)


def _draw(selection: Selection, name: str, ks: Sequence[int], at_each: Any, scores: list[Any], _: str) -> None:
    n, recipe = selection.n, selection.recipe
    accuracy = summarize(accuracies(selection, recipe))
    curve = dict(zip(ks, map(summarize, at_each), strict=True))
    current: tuple[int, Summary, str] | None = None
    if GENERATORS[recipe.gen].uses_k:
        k = recipe.k
        # From k = n on every shot is a proxy. The k in force is a point of the curve, too.
        curve[min(k, n)] = accuracy
        current = (min(k, n), accuracy, f"k = {k}" if k <= n else f"k = {k}: all {n} shots")
        flat = ("one mean a class", summarize(accuracies(selection, ONE_MEAN)))
    else:
        # A method without k is shown beside its relative with k.
        flat = (f"now: {GENERATORS[recipe.gen].label}", accuracy)
    at, runs = tuple(sorted(curve)), [curve[k] for k in sorted(curve)]
    best = max(zip(at, runs, strict=True), key=lambda pair: pair[1].median)
    suggested = suggested_of(scores, ks)
    told = f"; the shots suggest k = {suggested}" if suggested is not None else ""
    plot(
        name,
        charts.accuracy_over_k(at, runs, GENERATORS[with_k(recipe).gen].label, current, flat, suggested),
        alt=f"Accuracy over k from {at[0]} to {at[-1]}; the largest median is {best[1].median:.1f} % at k = {best[0]}"
        + told,
        height=240,
    )
    # From the start, so that nothing moves when the mark joins the curve.
    how = HOW if scores else ""
    st.caption(f"**Best on these test samples: k = {best[0]}** ({best[1].median:.1f} %, median). {how}")
