"""Accuracy over k of an experiment with the k that its shots suggest, and NC1 over n-shot."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from imprint_core.evaluation.k_selection import DEFAULT_RULE, RULES
from imprint_core.figures import charts
from imprint_core.framework.generation import GENERATORS
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute.experiment_results import ExperimentResults
from ui.compute.task_curves import suggested_k
from ui.text.labels import count_text

SUGGESTION_CAPTION = f"◯: k suggested by the first seed's shots ({RULES[DEFAULT_RULE].label})."


def show_accuracy_over_k(view: ExperimentResults, name: str = "accuracy-over-k") -> None:
    """Draw the curve; the suggested k is added when it is known."""
    # Displayed only if it takes a while, as with a hundred classes.
    with st.empty(), st.spinner("Accuracy at each k …"):
        curve = view.accuracy_over_k
    points = view.k_suggestion
    draw_progressively(name, points, partial(_draw, view, name, curve), "Suggesting k", needs_first_point=False)


def _draw(view: ExperimentResults, name: str, curve: dict[int, Any], scores: list[Any]) -> None:
    n, k, gen = view.experiment.n_shot, view.experiment.recipe.k, GENERATORS[view.experiment.recipe.gen]
    current = None
    if gen.uses_k:
        # With k ≥ n every shot is a proxy.
        current = (min(k, n), view.accuracy, f"k = {k}" if k <= n else f"k = {k}: all {n} shots")
        reference = ("one mean per class", view.baseline)
    else:
        # A method without k is compared with the corresponding method that has one.
        reference = (f"now: {gen.label}", view.accuracy)
    ks, runs = list(curve), list(curve.values())
    best = max(ks, key=lambda k: curve[k].median)
    suggested = suggested_k(scores, view.ks)
    suggestion = f"; the shots suggest k = {suggested}" if suggested is not None else ""
    plot(
        name,
        charts.accuracy_over_k(ks, runs, GENERATORS[view.with_k.recipe.gen].label, current, reference, suggested),
        alt=f"Accuracy over k from {ks[0]} to {ks[-1]}; the largest median is {curve[best].median:.1f} % at k = {best}"
        + suggestion,
        height=240,
    )
    # Written before the mark joins the curve, so that nothing moves then.
    note = SUGGESTION_CAPTION if scores else ""
    tested = count_text(len(view.evaluator.truth), view.experiment.info)
    st.caption(f"**Best on these {tested}: k = {best}** ({curve[best].median:.1f} %, median). {note}")


def show_nc1_over_shots(view: ExperimentResults, name: str, variant: str = "textbook") -> None:
    """Draw the curve under the name `name`."""
    curve, n = view.nc1_over_shots(variant), view.experiment.n_shot
    if not curve:
        st.caption("NC1 needs at least two classes with two shots each.")
        return
    ns, runs = list(curve), list(curve.values())
    current = (n, curve[n], f"n = {n}") if n in curve else None
    plot(
        name,
        charts.nc1_curve(ns, runs, "NC1", "shots per class, n", current),
        alt=f"NC1 of the shots over n-shot: {runs[0].median:.2f} at {ns[0]}, {runs[-1].median:.2f} at {ns[-1]}",
        height=240,
    )
    st.caption(
        "NC1: variance of the shots within classes relative to the variance between class means. The mean of few shots "
        "is close to them, so NC1 is underestimated; it rises towards its value for all training samples."
    )
