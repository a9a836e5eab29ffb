"""Accuracy over k and NC1 of merged classes: d classes into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.collapse.k_curves import TaskCurve, elbow
from imprint_core.collapse.merged_tasks import (
    KS,
    MANY_CLASSES,
    KSelectionJob,
    TaskDraw,
    largest_d,
    merged_tasks,
    most_shots,
)
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.merged_classes import PublishedCurve, accuracy_by_d, nc1_by_d
from imprint_core.framework.recipe import Recipe
from imprint_core.sweeps import paper_results
from ui.charts.experiment_curves import SUGGESTION_CAPTION
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute import results
from ui.compute.progressive import Point
from ui.compute.task_curves import accuracy_of, curve_points, fold_points, nc1_of, suggested_k
from ui.controls.sidebar import Selection
from ui.panels.collapse.controls import NOT_SHOWN, mergeable
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain


def shots_of(selection: Selection) -> int | None:
    """Return the shots per class of merged classes; None for all training samples."""
    return selection.experiment.n_shot if selection.panel.values["merge_n"] == "n" else None


def recipe_text(recipe: Recipe) -> str:
    """Describe the recipe of curves over k."""
    return str(recipe.with_k()).replace(", k = 1", "")


def show_merged_classes(selection: Selection) -> None:
    """Draw accuracy over k for every d, and NC1 over d."""
    values, experiment = selection.panel.values, selection.experiment
    infos = mergeable(selection.panel.sets, experiment.info.fm, experiment.info.dataset)
    info = next((info for info in infos if info.dataset == values["merge"]), None)
    fm = label_of_fm(experiment.info.fm)
    if info is None:
        st.info(
            f"Merging needs at least four classes, and {plain(fm)} has no such embedding set. Choose another dataset, "
            "or embed one with many classes in the Library.",
            icon=":material/info:",
        )
        return
    count = len(results.class_names(info))
    if count < MANY_CLASSES:
        sets = selection.panel.sets.values()
        others = sorted({label_of_fm(other.fm) for other in sets if len(other.class_names) >= MANY_CLASSES})
        st.info(
            f"{plain(fm)} has no set with many classes, so the {count} classes of "
            f"{plain(label_of_dataset(info.dataset))} are merged. A larger d leaves fewer classes, which are easier to "
            "classify, and NC1 can fall. Only the elbows of the curves are comparable."
            + (f" A hundred classes can be merged with {plain(', '.join(others))}." if others else ""),
            icon=":material/info:",
        )
    tasks, n_shot = merged_tasks(info, count, values["draws"]), shots_of(selection)
    folds = _fold_points(info, experiment.recipe, n_shot)
    points = [*curve_points(tasks, experiment.recipe, n_shot), *chain.from_iterable(folds.values())]
    draw_progressively("merging", points, partial(_draw, selection, info, tasks, folds), "Merging classes")


def _fold_points(info: SetInfo, recipe: Recipe, n_shot: int | None) -> dict[int, list[Point]]:
    """Return the validation folds of the first draw for each d."""
    names, sizes = results.class_names(info), results.class_sizes(info)
    return {
        task.d: fold_points(
            KSelectionJob(task.experiment(recipe, n_shot), task.ks), most_shots(task.spec, names, sizes, n_shot)
        )
        for task in merged_tasks(info, len(names), 1)
    }


def _draw(
    selection: Selection,
    info: SetInfo,
    tasks: Sequence[TaskDraw],
    folds: Mapping[int, Sequence[Point]],
    values: list[Any],
) -> None:
    draws: dict[int, list[TaskCurve]] = {}
    for task, curve in zip(tasks, values[: len(tasks)], strict=True):
        if curve is not None:
            draws.setdefault(task.d, []).append(curve)
    if not draws:
        return
    suggested: dict[int, int] = {}
    scores = iter(values[len(tasks) :])
    for d, points in folds.items():
        k = suggested_k([next(scores) for _ in points], KS)
        if k is not None and d in draws:
            suggested[d] = k
    variant, fm = selection.panel.values["nc1"], selection.panel.values["published"]
    curves = {d: accuracy_of(draws[d]) for d in sorted(draws)}
    nc1 = {d: nc1_of(draws[d], variant) for d in sorted(draws)}
    most = largest_d(len(results.class_names(info)))
    published, published_nc1 = _published(fm, most)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        plot(
            "accuracy-by-merging",
            accuracy_by_d(KS, curves, most, published, suggested),
            alt=f"Accuracy over k from 1 to {KS[-1]}, one curve per number d of merged classes. {_elbow_text(curves)}",
            height=430,
        )
    with right:
        plot(
            "nc1-by-merging",
            nc1_by_d(nc1, published_nc1, most),
            alt=f"NC1 over d: {_trend_text(nc1)}",
            height=300,
        )
        st.markdown(f"{_trend_text(nc1)} {_elbow_text(curves)}")
    complete = all(curve is not None for curve in values[: len(tasks)])
    st.caption(_caption(selection, info, bool(suggested), complete))


def _published(fm: str, most: int) -> tuple[dict[int, PublishedCurve], PublishedCurve | None]:
    if fm == NOT_SHOWN:
        return {}, None
    name, ds = paper_results.FMS[fm], range(1, most + 1)
    curves = {d: PublishedCurve(name, paper_results.accuracy_over_k(fm, f"{d}in1")) for d in ds}
    return curves, PublishedCurve(name, tuple(paper_results.nc1(fm, f"{d}in1") for d in ds))


def _trend_text(nc1: Mapping[int, Summary]) -> str:
    ds = list(nc1)
    if len(ds) < 2:
        return f"NC1 is {nc1[ds[0]].median:.2f} at d = {ds[0]}."
    values = [nc1[d].median for d in ds]
    steps, rises = len(ds) - 1, int(np.sum(np.diff(values) > 0))
    trend = {steps: "rises at every step", 0: "falls at every step"}.get(rises, f"rises at {rises} of {steps} steps")
    return f"NC1 goes from {values[0]:.2f} at d = {ds[0]} to {values[-1]:.2f} at d = {ds[-1]} and {trend}."


def _elbow_text(curves: Mapping[int, Sequence[Summary]]) -> str:
    """Describe the elbows of the curves, and the share of the largest gain that k = d reaches."""
    accuracy = {d: np.array([run.median for run in runs]) for d, runs in curves.items() if d > 1}
    if not accuracy:
        return ""
    elbows = ", ".join(str(elbow(KS, values)) for values in accuracy.values())
    gains = [(values[KS.index(d)] - values[0], values.max() - values[0]) for d, values in accuracy.items()]
    shares = [100 * gain / largest for gain, largest in gains if largest > 0]
    text = f"For d = {', '.join(map(str, accuracy))} the curves have their elbow at k = {elbows} (two-line fit)."
    if not shares:
        return text
    span = dict.fromkeys(f"{share:.0f}" for share in (min(shares), max(shares)))
    return f"{text} k = d reaches {' to '.join(span)} % of the largest gain over k."


def _caption(selection: Selection, info: SetInfo, has_suggestions: bool, complete: bool) -> str:
    values, experiment = selection.panel.values, selection.experiment
    shots = "all training samples" if values["merge_n"] == "all" else f"{experiment.n_shot} shots per merged class"
    published = (
        f" Dotted: the paper's {paper_results.FMS[values['published']]} on ImageNet, with NC1 as published."
        if values["published"] != NOT_SHOWN
        else ""
    )
    return (
        f"{plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}, {shots}; "
        f"{recipe_text(experiment.recipe)}. Median and range over {'' if complete else 'up to '}{values['draws']} "
        "draws. Uses the sidebar's FM and recipe, not its dataset and classes. "
        f"◆: k = d. {SUGGESTION_CAPTION if has_suggestions else ''}{published} A merged class has d modes. One mean "
        "falls between them, d proxies can represent each, and more follow their shapes (paper, Figure 11)."
    )
