"""Accuracy over k of an experiment with the k that its shots suggest, and NC1, also over n-shot."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.k_selection import DEFAULT_RULE, RULES
from imprint_core.evaluation.metrics import Summary
from imprint_core.figures import charts
from imprint_core.framework.generation import GENERATORS
from imprint_core.recipes.presets import PRESETS, preset_of
from imprint_core.sweeps.k_selection_study import NEAR, bundled_study, standing
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute.experiment_results import ExperimentResults
from ui.compute.task_curves import suggested_k
from ui.navigation.reruns import rerun_page
from ui.text import descriptions
from ui.text.labels import count_text

_HEIGHT = 240
SUGGESTION_CAPTION = f"◯: k that the first seed's shots suggest ({RULES[DEFAULT_RULE].label})."


def show_accuracy_over_k(view: ExperimentResults, name: str = "accuracy-over-k", waiting: bool = False) -> None:
    """Draw the curve; the suggested k is added when it is known.

    If `waiting`, only the space is reserved, because the accuracy itself is still being computed.
    """
    points, further, evaluations = view.k_points, view.further_points, []
    if waiting:
        _draw_space()
        return
    if not points:
        # Displayed only if it takes a while, as with a hundred classes.
        with st.empty(), st.spinner("Accuracy at each k …"):
            evaluations = view.k_evaluations
    draw = partial(_draw, view, name, evaluations)
    label = "Accuracy at each k" if points else "Suggested k and linear probe"
    draw_progressively(name, points + further, draw, label, needs_first_point=bool(points))


def _draw_space() -> None:
    """Reserve the space of the curve."""
    with st.container(height=_HEIGHT, border=False):
        st.caption("The accuracy at each k follows.")


def _draw(view: ExperimentResults, name: str, evaluations: list[Any], values: list[Any]) -> None:
    evaluated, further = evaluations or values[: len(view.ks)], values[len(view.k_points) :]
    curve, (scores, probe) = view.accuracy_over_k(evaluated), view.further(further)
    if not curve:
        _draw_space()
        return
    n, k, gen = view.experiment.n_shot, view.experiment.recipe.k, GENERATORS[view.experiment.recipe.gen]
    current = None
    if gen.uses_k:
        # With k ≥ n every shot is a proxy.
        current = (min(k, n), view.accuracy, f"k = {k}" if k <= n else f"k = {k}: all {n} shots")
        reference = (PRESETS["qi"].label, view.baseline)
    else:
        # A method without k is compared with the corresponding method that has one.
        preset = preset_of(view.experiment.recipe)
        reference = (f"now: {PRESETS[preset].short_label if preset else gen.label}", view.accuracy)
    ks, runs = list(curve), list(curve.values())
    best = max(ks, key=lambda k: curve[k].median)
    suggested = view.selected_k or suggested_k(scores, view.ks)
    suggestion = f"; the shots suggest k = {suggested}" if suggested is not None else ""
    plot(
        name,
        charts.accuracy_over_k(
            ks,
            runs,
            GENERATORS[view.with_k.recipe.gen].label,
            current,
            [reference, *([(PRESETS["probe"].short_label, probe[0])] if probe else [])],
            suggested if suggested in curve else None,
        ),
        alt=f"Accuracy over k from {ks[0]} to {ks[-1]}; the largest median is {curve[best].median:.1f} % at k = {best}"
        + suggestion,
        height=_HEIGHT,
    )
    complete = all(each is not None for each in evaluated)
    best_text = f"**k = {best}** ({curve[best].median:.1f} %, median)" if complete else "**k = …**"
    _answer(view, name, suggested if scores or view.selects_k else view.ks[0], best_text)
    if not view.is_probe:
        st.markdown(_probe_text(probe) if view.trains_fast else _SLOW_PROBE)


def _answer(view: ExperimentResults, name: str, suggested: int | None, best: str) -> None:
    """Say which k the shots suggest, which is the best on the test samples, and offer to use the former."""
    recipe = view.experiment.recipe
    tested = count_text(len(view.evaluator.truth), view.experiment.info)
    if view.selects_k:
        st.markdown(f"The first seed's shots selected **k = {suggested}**. Best on these {tested}: {best}.")
        return
    # Written before the k is known, so that nothing moves then.
    st.markdown(
        f"From the shots alone: **k = {'…' if suggested is None else suggested}**{_reliability()}. Best on these "
        f"{tested}: {best}."
    )
    current = GENERATORS[recipe.gen].uses_k and min(recipe.k, view.experiment.n_shot) == suggested
    label = "Use suggested k" if suggested is None else f"Use k = {suggested}"
    changes = {"gen": view.with_k.recipe.gen, "k": suggested}
    if st.button(
        label,
        key=f"{name}-use-k",
        disabled=suggested is None or current,
        on_click=st.session_state.update,
        args=(changes,),
        help=SUGGESTION_CAPTION,
    ):
        # The figure is in a fragment.
        rerun_page()


_SLOW_PROBE = (
    "Training the last layer instead (linear probe) takes a while with so many shots and classes: select the preset "
    f"*{PRESETS['probe'].label}* for it."
)


def _probe_text(probe: tuple[Summary, float, float] | None) -> str:
    """What training the last layer achieves; written before it is known, so that nothing moves then."""
    start = "Training the last layer instead, on the same shots (linear probe): "
    if probe is None:
        return f"{start}**…**"
    accuracy, trained, imprinted = probe
    times = f"Fitting takes {_time(trained)} (*{PRESETS['own'].short_label}*: {_time(imprinted)})."
    return f"{start}**{accuracy.median:.1f} %**. {times}"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2g} ms" if seconds < 0.1 else f"{seconds:.1f} s"


def _reliability() -> str:
    """How often a suggested k is near the best one; empty if the study is missing, which Collapse reports."""
    try:
        study = standing(bundled_study(), DEFAULT_RULE)
    except ImprintError:
        return ""
    return f" (within {NEAR:g} point of the best k in {100 * study.near:.0f} % of {study.suggestions:,} cases)"


def show_nc1(view: ExperimentResults) -> None:
    """Draw NC1 of the shots beside that of all training samples."""
    st.metric(
        "NC1 of the shots", *_nc1_texts(view.nc1), help=descriptions.NC1_HELP, delta_color="off", delta_arrow="off"
    )


def _nc1_texts(values: tuple[Summary, float] | None) -> tuple[str, str]:
    """NC1 of the shots, and that of all training samples to compare with."""
    if values is None:
        return "–", "needs 2 classes of 2 shots"
    shots, complete = values
    return f"{shots.median:.2f}", f"all training samples: {complete:.2f}"


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
