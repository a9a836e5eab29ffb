"""The Collapse page's first picture: accuracy over k and NC1 where d classes are merged into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.collapse.k_curves import TaskCurve, elbow
from imprint_core.collapse.merged_tasks import (
    KS,
    MANY,
    DrawnTask,
    merged_asking,
    merged_most,
    merged_tasks,
    most_shots,
    with_k,
)
from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.metrics import Summary
from imprint_core.figures import collapse
from imprint_core.figures.collapse import Published
from imprint_core.sweeps import paper_results
from ui.charts.plot import cached_figure, plot
from ui.charts.progressive import draw_progressively
from ui.compute import results
from ui.compute.task_curves import HOW, accuracy_of, curve_points, fold_points, nc1_of, shots_of, suggested_of
from ui.controls.sidebar import Selection
from ui.panels.collapse.controls import NOT_SHOWN, mergeable
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain


def show_merging(selection: Selection) -> None:
    """Draw accuracy over k for every d, and NC1 over d; they fill in."""
    values = selection.panel.values
    found = mergeable(selection.panel.sets, selection.info.fm, selection.info.dataset)
    info = next((i for i in found if i.dataset == values["merge"]), None)
    fm = label_of_fm(selection.info.fm)
    if info is None:
        st.info(
            f"Merging needs four classes or more, and {plain(fm)} has no such set here. Choose another dataset, or "
            "embed one with many classes in the Library.",
            icon=":material/info:",
        )
        return
    if len(results.class_names(info)) < MANY:
        others = sorted({label_of_fm(i.fm) for i in selection.panel.sets.values() if len(i.class_names) >= MANY})
        st.info(
            f"{plain(fm)} has no set of many classes, so its {len(results.class_names(info))} classes of "
            f"{plain(label_of_dataset(info.dataset))} are merged: the more go into one, the fewer remain, and with "
            "fewer classes it is easier to be right and NC1 may well fall. What to look at is where a curve bends."
            + (f" {plain(' and '.join(others))} can merge a hundred classes." if others else ""),
            icon=":material/info:",
        )
    tasks = merged_tasks(info, len(results.class_names(info)), values["draws"])
    n = shots_of(selection)
    asked = curve_points(tasks, selection.recipe, n)
    folds = _folds(selection, info, n)
    draw_progressively(
        "merging",
        [*asked, *(point for own in folds.values() for point in own)],
        partial(_draw, selection, info, tasks, folds),
        "Merging classes",
    )


def _folds(selection: Selection, info: SetInfo, n: int | None) -> dict[int, Any]:
    """For each d: the folds that suggest a k, on the first draw."""
    names, sizes = results.class_names(info), results.class_sizes(info)
    of = {}
    for task in merged_tasks(info, len(names), 1):
        asking = merged_asking(info, task, selection.recipe, n)
        of[task.d] = fold_points(asking, most_shots(task.spec, names, sizes, n))
    return of


def _draw(
    selection: Selection,
    info: SetInfo,
    tasks: Sequence[DrawnTask],
    folds: Mapping[int, Any],
    found: list[Any],
    there: str,
) -> None:
    by_d: dict[int, list[TaskCurve]] = {}
    for task, curve in zip(tasks, found[: len(tasks)], strict=True):
        if curve is not None:
            by_d.setdefault(task.d, []).append(curve)
    if not by_d:
        return
    suggested: dict[int, int] = {}
    start = len(tasks)
    for d, own in folds.items():
        k = suggested_of(found[start : start + len(own)], KS)
        start += len(own)
        if k is not None and d in by_d:
            suggested[d] = k
    variant = selection.panel.values["nc1"]
    curves = {d: accuracy_of(by_d[d]) for d in sorted(by_d)}
    nc1 = {d: nc1_of(by_d[d], variant) for d in sorted(by_d)}
    most = merged_most(len(results.class_names(info)))
    over, values = _published(selection, most)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        plot(
            "accuracy-by-merging",
            cached_figure(
                ("merging", there, selection.panel.values["published"]),
                lambda: collapse.accuracy_by_merging(KS, curves, most, over, suggested),
            ),
            alt=f"Accuracy over k from 1 to {KS[-1]}, a curve for each number d of merged classes. {_elbows(curves)}",
            height=430,
        )
    with right:
        plot(
            "nc1-by-merging",
            cached_figure(
                ("merging-nc1", there, selection.panel.values["published"], variant),
                lambda: collapse.nc1_by_merging(nc1, values, most),
            ),
            alt=f"NC1 over d: {_rise(nc1)}",
            height=300,
        )
        st.markdown(f"{_rise(nc1)} {_elbows(curves)}")
    whole = all(curve is not None for curve in found[: len(tasks)])
    st.caption(_caption(selection, info, suggested, whole))


def _published(selection: Selection, most: int) -> tuple[dict[int, Published], Published | None]:
    fm = selection.panel.values["published"]
    if fm == NOT_SHOWN:
        return {}, None
    name = paper_results.FMS[fm]
    ds = range(1, most + 1)
    curves = {d: Published(name, paper_results.accuracy_over_k(fm, f"{d}in1")) for d in ds}
    return curves, Published(name, tuple(paper_results.nc1(fm, f"{d}in1") for d in ds))


def _rise(nc1: Mapping[int, Summary]) -> str:
    ds = list(nc1)
    if len(ds) < 2:
        return f"NC1 is {nc1[ds[0]].median:.2f} at d = {ds[0]}."
    values = [nc1[d].median for d in ds]
    steps, up = len(ds) - 1, int(np.sum(np.diff(values) > 0))
    how = {steps: "rises at every step", 0: "falls at every step"}.get(up, f"rises at {up} of {steps} steps")
    return f"NC1 goes from {values[0]:.2f} at d = {ds[0]} to {values[-1]:.2f} at d = {ds[-1]} and {how}."


def _elbows(curves: Mapping[int, Sequence[Summary]]) -> str:
    """Where the curves bend, and how much of what proxies bring is there at k = d."""
    told = {d: np.array([run.median for run in runs]) for d, runs in curves.items() if d > 1}
    if not told:
        return ""
    bends = ", ".join(str(elbow(KS, accuracy)) for accuracy in told.values())
    gains = [(own[KS.index(d)] - own[0], own.max() - own[0]) for d, own in told.items()]
    shares = [100 * here / most for here, most in gains if most > 0]
    ds = ", ".join(map(str, told))
    by_then = ""
    if shares:
        low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
        by_then = f" At k = d there is {low if low == high else f'{low} to {high}'} % of the most that k brings."
    return f"For d = {ds} the curves bend at k = {bends}, where two straight lines fit them best.{by_then}"


def _caption(selection: Selection, info: SetInfo, suggested: Mapping[int, int], whole: bool) -> str:
    values = selection.panel.values
    shots = "all training samples" if values["merge_n"] == "all" else f"{selection.n} shots of each merged class"
    recipe = str(with_k(selection.recipe)).replace(", k = 1", "")
    laid = (
        f" Dotted: {paper_results.FMS[values['published']]} on ImageNet, images and NC1 as published."
        if values["published"] != NOT_SHOWN
        else ""
    )
    draws = f"{'' if whole else 'up to '}{values['draws']} draws"
    return (
        f"{plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}, {shots}; {recipe}. "
        f"Medians of {draws}, bands their range. The sidebar's FM and recipe count here; its dataset and classes "
        f"further down. ◆ is k = d. {HOW if suggested else ''}{laid} A merged class has d modes: one mean falls "
        "between them, d proxies can stand on them, and more can follow their shapes (paper, Figure 11)."
    )
