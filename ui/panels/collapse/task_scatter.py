"""NC1 of all FMs on all datasets, and its correlation with the gain of more proxies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from imprint_core.collapse.correlation import Correlation
from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.collapse.merged_tasks import TaskDraw, all_tasks
from imprint_core.evaluation.class_specs import d_and_draw
from imprint_core.evaluation.metrics import signed
from imprint_core.figures.nc1_gain import TaskPoint, gain_over_nc1, nc1_of_sets
from imprint_core.sweeps import paper_results
from ui.charts.correlation_table import correlation_table
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading
from ui.compute import results
from ui.compute.task_curves import TaskKey, correlation_of, curve_points, task_points
from ui.controls.sidebar import Selection
from ui.panels.collapse.controls import NOT_SHOWN
from ui.panels.collapse.merged_classes import recipe_text, shots_of
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "combidigits": "CombiDigits"}
_OVERLAY_CAPTION = "Grey crosses: the paper's 56 tasks, with all training samples and with NC1 as published"


def show_all_tasks(selection: Selection) -> None:
    """Draw NC1 of all sets, and the gain over NC1 of all tasks."""
    sets, draws = selection.panel.sets, selection.panel.values["draws"]
    tasks = all_tasks(sets.values(), lambda info: len(results.class_names(info)), draws)
    points = curve_points(tasks, selection.experiment.recipe, shots_of(selection))
    draw_progressively("every-task", points, partial(_draw, selection, tasks), "All FMs on all datasets")


def _current_task(selection: Selection) -> TaskKey | None:
    """Return the task of the sidebar's classes, unless these are a subset or merged manually."""
    merged, classes = d_and_draw(selection.experiment.classes), selection.experiment.classes
    if not merged and classes != "all":
        return None
    return selection.experiment.info.fm, selection.experiment.info.dataset, merged[0] if merged else 0


def _draw(selection: Selection, tasks: Sequence[TaskDraw], curves: list[Any]) -> None:
    values = selection.panel.values
    computed = [pair for pair in zip(tasks, curves, strict=True) if pair[1] is not None]
    by_task = task_points(computed, values["nc1"], _current_task(selection))
    if not by_task:
        return
    points, complete = list(by_task.values()), len(computed) == len(tasks)
    sets = [point for (_, _, d), point in by_task.items() if d < 2]
    overlay = values["published"] != NOT_SHOWN
    published = [
        (f"{label}, {_published_name(task)}", paper_results.nc1(fm, task), paper_results.gain(fm, task))
        for fm, label in paper_results.FMS.items()
        for task in paper_results.TASKS
        if overlay
    ]
    correlation = correlation_of(points)
    fms = list(dict.fromkeys(label_of_fm(task.info.fm) for task in tasks))
    data = list(dict.fromkeys(label_of_dataset(task.info.dataset) for task in tasks))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        heading("NC1 of all FMs on all datasets", "nc1-of-sets")
        plot(
            "nc1-of-sets",
            nc1_of_sets(sets, fms, data),
            alt=f"NC1 of {len(sets)} sets as bars on a logarithmic axis: "
            + "; ".join(f"{point.fm}, {point.data} {point.nc1.median:.2f}" for point in sets),
            height=400,
        )
    with right:
        heading("Gain of more proxies over NC1", "gain-over-nc1")
        plot(
            "gain-over-nc1",
            gain_over_nc1(points, correlation, published, fms, data),
            alt=f"Gain of k = 5 over k = 1 against NC1 for {len(points)} tasks. "
            + _correlation_text(correlation, complete),
            height=460,
        )
    # A regression over only some of the tasks would change with each new point.
    st.markdown(_correlation_text(correlation, complete) + (_prediction_text(points) if complete else ""))
    groups = {"all tasks": points, "datasets without merging": [p for (_, _, d), p in by_task.items() if not d]}
    for (_, _, d), point in by_task.items():
        if d:
            groups.setdefault(f"{point.fm}, {point.data}: d in 1", []).append(point)
    st.markdown(correlation_table(groups))
    shots = "all training samples" if shots_of(selection) is None else f"{selection.experiment.n_shot} shots per class"
    published_definition = values["nc1"] == "published"
    st.caption(
        "One point per FM, dataset and, with many classes, d; the bar of such a dataset is 1 in 1, ten random classes. "
        f"{shots.capitalize()}; {recipe_text(selection.experiment.recipe)}. NC1 "
        f"({NC1_VARIANTS[values['nc1']].label}) after NORM pre. Median and range over "
        f"{'' if complete else 'up to '}{values['draws']} draws or seeds. Tasks share images and FMs, so they are not "
        "independent; p-values are too small (paper, Figure 12)."
        + (f" {_OVERLAY_CAPTION}, {'as' if published_definition else 'unlike'} the other points." if overlay else "")
    )


def _published_name(task: str) -> str:
    return _DATASETS.get(task) or f"ImageNet {task.replace('in', ' in ')}"


def _correlation_text(correlation: Correlation | None, complete: bool) -> str:
    if correlation is None:
        return "Too few tasks to correlate NC1 with the gain."
    return (
        f"NC1 and the gain of k = 5 over k = 1, {correlation.tasks} tasks{'' if complete else ' so far'}: "
        f"**Spearman {signed(correlation.spearman, 2)}**, Pearson {signed(correlation.pearson, 2)}; with log NC1 "
        f"{signed(correlation.pearson_log, 2)}, so the line explains {100 * correlation.pearson_log**2:.0f} % of the "
        "variance."
    )


def _prediction_text(points: Sequence[TaskPoint]) -> str:
    """Compare the gain of the current task with a regression on all other sets."""
    current = next((point for point in points if point.current), None)
    if current is None or not current.nc1.median > 0:
        return ""
    correlation = correlation_of(p for p in points if (p.fm, p.data) != (current.fm, current.data))
    if correlation is None:
        return ""
    return (
        f" {plain(current.name)} (NC1 {current.nc1.median:.2f}): Regression on the other datasets predicts a gain of "
        f"**{signed(correlation.predict(current.nc1.median))} points**; measured: **{signed(current.gain.median)}**."
    )
