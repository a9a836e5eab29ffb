"""Collapse of the current classes: all measures, NC1 over n-shot, of split classes, and per class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.collapse.k_curves import split_ks
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures.collapse import nc1_by_class, nc1_over_split
from ui.charts.experiment_curves import show_accuracy_over_k, show_nc1_over_shots
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading, table
from ui.compute import collapse, results
from ui.compute.experiment_results import ExperimentResults
from ui.compute.progressive import Point

_KS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)

# Name, meaning and source, and format of each measure.
_MEASURES = {
    "nc1": ("NC1", "variance within classes relative to that between class means; 0: fully collapsed", "{:.2f}"),
    "cdnv": ("CDNV", "the same for pairs of classes, mean over all pairs (Galanti et al., 2022)", "{:.2f}"),
    "traces": ("Trace ratio", "the same regardless of direction: trace Σ_W / trace Σ_B", "{:.2f}"),
    "vci": ("VCI", "0: collapsed, 1: not at all; invariant to linear maps (Xu and Liu, 2023)", "{:.3f}"),
    "equinorm": ("NC2, lengths", "variation of the distances of class means from the global mean; 0: equal", "{:.2f}"),
    "equiangularity": ("NC2, angles", "deviation of the angles between class means from a simplex; 0: none", "{:.2f}"),
    "etf": ("NC2, simplex", "distance of the class means to a simplex (Zhu et al., 2021)", "{:.2f}"),
    "nc3": ("NC3", "distance of proxies to class means; 0: equal up to scale, √2: unrelated", "{:.2f}"),
    "nc4": ("NC4", "test samples predicted as the class of the nearest class mean", "{:.1f} %"),
}


def show_class_curves(experiment: Experiment, variant: str) -> None:
    """Draw NC1 over n-shot, accuracy over k, NC1 of split classes, and NC1 per class."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        heading("NC1 over n-shot", "nc1-over-n")
        show_nc1_over_shots(ExperimentResults(experiment), "nc1-over-n", variant)
    with right:
        heading("Accuracy over k", "accuracy-over-k-here")
        show_accuracy_over_k(ExperimentResults(experiment), "accuracy-over-k-here")
    left, right = st.columns([1, 1], gap="large")
    with left:
        _show_split(experiment, variant)
    with right:
        _show_per_class(experiment, variant)


def show_measures(experiment: Experiment, variant: str) -> None:
    """Show all measures as a table."""
    heading("All measures", "measures")
    seeds = len(experiment.seeds)
    with st.empty(), st.spinner("Measuring …"):
        runs = [collapse.measures(experiment, i, variant, whole=False) for i in range(seeds)]
        whole = collapse.measures(experiment, 0, variant, whole=True)
    rows = [
        [label, _summary_text(summarize([run[key] for run in runs]), form), _value_text(whole[key], form), meaning]
        for key, (label, meaning, form) in _MEASURES.items()
    ]
    # Wide enough to be read on narrow screens, where tables scroll (`layout.css`).
    st.html("<style>.st-key-measures td:last-child { min-width: 15rem }</style>")
    with st.container(key="measures"):
        table("measures", ["measure", "shots", "all samples", "meaning"], rows, align="lrrl", names=True)
    depends = results.evaluator(experiment).depends_on_seed(experiment.recipe.canonical(), experiment.n_shot)
    over = f", median and range over {seeds} seeds" if depends and seeds > 1 else ""
    vci = "" if np.isfinite(whole["vci"]) else " VCI needs more samples than dimensions."
    st.caption(
        f"Shots: {experiment.n_shot} per class{over}. All samples: all training samples, with the first seed's "
        "proxies. After NORM pre, before any transform. NC1 to NC4: Papyan, Han and Donoho (2020), all classes "
        f"weighted equally.{vci} Few shots make classes look more collapsed than they are."
    )


def _summary_text(run: Summary, form: str) -> str:
    median = _value_text(run.median, form)
    span = run.range_text(form.removesuffix(" %")) if np.isfinite(run.low + run.high) else ""
    # Non-breaking spaces keep it on one line.
    return f"{median} ({span})".replace(" ", "\u00a0") if span else median


def _value_text(value: float, form: str) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else form.format(value)


def _show_split(experiment: Experiment, variant: str) -> None:
    heading("NC1 of classes split into k clusters", "nc1-of-split")
    samples = results.evaluator(experiment)
    sizes = np.minimum(np.bincount(samples.pool.y_train)[samples.classes], experiment.n_shot)
    ks = split_ks(sizes, samples.pool.X_train.shape[1], _KS)

    def compute(k: int) -> Summary:
        return summarize(collapse.nc1_of_parts(experiment, k, variant))

    key = ("split", collapse.shots_key(experiment), variant)
    points = [Point((*key, k), partial(compute, k)) for k in ks]
    fits = ExperimentResults(experiment.first_seed).fits if experiment.recipe.gen == "auto" else []
    selected = {fit.selection.k for fit in fits if fit.selection}
    draw_progressively("nc1-of-split", points, partial(_draw_split, ks, selected), "Splitting classes")


def _draw_split(ks: Sequence[int], selected: set[int], values: list[Any]) -> None:
    runs: dict[int, Summary] = {k: run for k, run in zip(ks, values, strict=True) if run is not None}
    if not runs:
        return
    minimum = min(runs, key=lambda k: runs[k].median)
    plot(
        "nc1-of-split",
        nc1_over_split(list(runs), list(runs.values()), selected),
        alt=f"NC1 of classes split into k clusters, k from 1 to {max(runs)}; minimum at k = {minimum}",
        height=300,
    )
    if len(runs) < len(ks):
        return
    verdict = (
        "With so few shots no class can be split."
        if len(ks) == 1
        else "Splitting does not reduce NC1: no separate sub-clusters."
        if minimum == 1
        else f"NC1 is smallest at k = {minimum}: up to there, classes split into separate sub-clusters."
    )
    auto = "".join(f" ◯: Auto selects k = {k} from the first seed's shots." for k in selected)
    st.caption(
        f"{verdict}{auto} k-means splits each class, and each cluster counts as a class. More proxies can still help, "
        "since they follow the shape of a class. Limits: two shots per cluster, half as many clusters as dimensions."
    )


def _show_per_class(experiment: Experiment, variant: str) -> None:
    heading("NC1 per class", "nc1-of-classes")
    shots = collapse.nc1_per_class(experiment, variant)
    whole = collapse.nc1_per_class(experiment.first_seed.with_(n_shot=None), variant)[0]
    samples = results.evaluator(experiment)
    names = [samples.pool.names[c] for c in samples.classes]
    largest, smallest = names[int(np.argmax(whole))], names[int(np.argmin(whole))]
    plot(
        "nc1-of-classes",
        nc1_by_class(names, [summarize(runs) for runs in shots.T], whole.tolist()),
        alt=f"NC1 of {len(names)} classes; for all training samples, largest for {largest}, smallest for {smallest}",
        height=300,
    )
    st.caption(
        "Variance of each class relative to the variance of all class means; NC1 is the mean over classes. Classes "
        "with a large NC1 benefit most from more proxies."
    )
