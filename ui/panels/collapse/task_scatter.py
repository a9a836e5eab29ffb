"""NC1 of every FM on every dataset, and what it says about the gain of more proxies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from imprint_core.collapse.correlation import Relation, relate
from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import DrawnTask, every_task, with_k
from imprint_core.evaluation.class_specs import d_and_draw
from imprint_core.figures import collapse
from imprint_core.figures.collapse import Dot
from imprint_core.sweeps import paper_results
from ui.charts.plot import cached_figure, plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import heading
from ui.compute import results
from ui.compute.task_curves import curve_points, gain_of, nc1_of, shots_of
from ui.controls.sidebar import Selection
from ui.panels.collapse.controls import NOT_SHOWN
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10", "combidigits": "CombiDigits"}


def show_tasks(selection: Selection) -> None:
    """Draw the bars and the points; they fill in."""
    sets, draws = selection.panel.sets, selection.panel.values["draws"]
    tasks = every_task(sets, lambda info: len(results.class_names(info)), draws)
    draw_progressively(
        "every-task",
        curve_points(tasks, selection.recipe, shots_of(selection)),
        partial(_draw, selection, tasks),
        "Every FM on every dataset",
    )


def _dots(selection: Selection, tasks: Sequence[DrawnTask], found: Sequence[TaskCurve | None]) -> list[Dot]:
    by_task: dict[tuple[str, str, int], list[tuple[DrawnTask, TaskCurve]]] = {}
    for task, curve in zip(tasks, found, strict=True):
        if curve is not None:
            by_task.setdefault((task.info.fm, task.info.dataset, task.d), []).append((task, curve))
    variant, drawn = selection.panel.values["nc1"], d_and_draw(selection.experiment.classes)
    # The d of the classes in force: 0 where none is merged, none where they are a choice of their own.
    chosen = drawn[0] if drawn else 0 if selection.experiment.classes == "all" else None
    dots = []
    for (fm, data, d), own in by_task.items():
        task, curves = own[0][0], [curve for _, curve in own]
        fm_label, data_label = label_of_fm(fm), label_of_dataset(data)
        merged = task.d > 0
        dots.append(
            Dot(
                fm_label,
                data_label,
                f"{fm_label}, {data_label}" + (f", {d} in 1" if merged else ""),
                nc1_of(curves, variant),
                gain_of(curves, task.ks),
                (fm, data, d) == (selection.info.fm, selection.info.dataset, chosen),
            )
        )
    return dots


def _draw(selection: Selection, tasks: Sequence[DrawnTask], found: list[Any], there: str) -> None:
    dots = _dots(selection, tasks, found)
    if not dots:
        return
    values = selection.panel.values
    sets = [dot for dot in dots if not _is_merged(dot) or dot.name.endswith(", 1 in 1")]
    laid = values["published"] != NOT_SHOWN
    over = (
        [
            (f"{label}, {_name(task)}", paper_results.nc1(fm, task), paper_results.gain(fm, task))
            for fm, label in paper_results.FMS.items()
            for task in paper_results.TASKS
        ]
        if laid
        else []
    )
    relation, whole = _relate(dots), all(curve is not None for curve in found)
    fms = list(dict.fromkeys(label_of_fm(task.info.fm) for task in tasks))
    data = list(dict.fromkeys(label_of_dataset(task.info.dataset) for task in tasks))
    key = (there, values["nc1"], laid, *(f"{dot.name}{dot.current}" for dot in dots))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        heading("NC1 of every FM on every dataset", "nc1-of-sets")
        plot(
            "nc1-of-sets",
            cached_figure(("sets", *key), lambda: collapse.nc1_of_sets(sets, fms, data)),
            alt=f"NC1 of {len(sets)} sets as bars on a logarithmic axis: "
            + "; ".join(f"{dot.fm}, {dot.data} {dot.nc1.median:.2f}" for dot in sets),
            height=400,
        )
    with right:
        heading("What NC1 says about more proxies", "gain-over-nc1")
        plot(
            "gain-over-nc1",
            cached_figure(("gains", *key), lambda: collapse.gain_over_nc1(dots, relation, over, fms, data)),
            alt=f"Gain of k = 5 over k = 1 against NC1 for {len(dots)} tasks. {_relation(relation, whole)}",
            height=460,
        )
    # A line through some of the tasks tells now this, now that.
    st.markdown(_relation(relation, whole) + (_prediction(dots) if whole else ""))
    st.markdown(_groups(dots))
    shots = "all training samples" if shots_of(selection) is None else f"{selection.n} shots a class"
    recipe = str(with_k(selection.recipe)).replace(", k = 1", "")
    st.caption(
        f"One point for each FM, dataset and, where there are many classes, d in 1, of which the bar is 1 in 1: ten "
        f"classes at random; {shots}, {recipe}. NC1 "
        f"{'of the textbook' if values['nc1'] == 'textbook' else 'as published'}, after NORM pre; median and range of "
        f"{'' if whole else 'up to '}{values['draws']} draws or seeds. Tasks of one FM or of one dataset are no "
        "independent witnesses: read the correlations as a description (paper, Figure 12)."
        + (
            " Grey crosses are the paper's 56 tasks, with all training samples and with NC1 as published"
            + (", which is another measure than the one shown here." if values["nc1"] == "textbook" else ", as here.")
            if laid
            else ""
        )
    )


def _name(task: str) -> str:
    return _DATASETS.get(task) or f"ImageNet {task.replace('in', ' in ')}"


def _relate(dots: Sequence[Dot]) -> Relation | None:
    return relate([dot.nc1.median for dot in dots], [dot.gain.median for dot in dots])


def _relation(found: Relation | None, whole: bool) -> str:
    if found is None:
        return "Too few tasks yet to relate NC1 and gain."
    return (
        f"NC1 and the gain of k = 5 over k = 1 over {found.tasks} tasks{'' if whole else ' so far'}: "
        f"**Spearman {found.spearman:+.2f}**, Pearson {found.pearson:+.2f} ({found.pearson_log:+.2f} with log NC1; the "
        f"line explains {100 * found.pearson_log**2:.0f} % of the variance)."
    ).replace("-", "−")


def _groups(dots: Sequence[Dot]) -> str:
    """The same for parts of the tasks, as a table."""
    groups = {"all tasks": list(dots), "datasets as they are": [dot for dot in dots if not _is_merged(dot)]}
    for dot in dots:
        if _is_merged(dot):
            groups.setdefault(f"{dot.fm}, {dot.data}: d in 1", []).append(dot)
    lines = ["| tasks | how many | Spearman | Pearson | Pearson, log NC1 |", "|:--|--:|--:|--:|--:|"]
    for name, own in groups.items():
        found = _relate(own)
        values = (found.spearman, found.pearson, found.pearson_log) if found else ()
        told = " | ".join(f"{value:+.2f}".replace("-", "−") for value in values) or "– | – | –"
        lines.append(f"| {plain(name)} | {len(own)} | {told} |")
    return "\n".join(lines)


def _is_merged(dot: Dot) -> bool:
    return dot.name.endswith(" in 1")


def _prediction(dots: Sequence[Dot]) -> str:
    """What the line through all other tasks says of the current one, and what is so."""
    now = next((dot for dot in dots if dot.current), None)
    if now is None or not now.nc1.median > 0:
        return ""
    others = [dot for dot in dots if (dot.fm, dot.data) != (now.fm, now.data)]
    line = _relate(others)
    if line is None:
        return ""
    expected = f"{line.at(now.nc1.median):+.1f}".replace("-", "−")
    measured = f"{now.gain.median:+.1f}".replace("-", "−")
    return (
        f" For {plain(now.name)} (NC1 {now.nc1.median:.2f}) a line through the other sets tells a gain of **{expected} "
        f"points**; it is **{measured}**."
    )
