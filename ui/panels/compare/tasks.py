"""A's recipe compared with B's on every dataset."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.evaluation.metrics import signed
from imprint_core.evaluation.ranking import FEW_TASKS, p_text, wilcoxon
from imprint_core.figures import comparison
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import caption, heading
from ui.compute import results, sweeps
from ui.controls.control import Sets
from ui.controls.sidebar import Selection
from ui.panels.compare.ab_sides import Side, same_recipe
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

Pair = tuple[SetInfo, SetInfo, str]


def _pairs(sets: Sets, a: Side, b: Side) -> list[Pair]:
    """Sets of A and of B with a label: all FMs' sets if A and B have the same FM, else each dataset once."""
    fm_a, fm_b = a.experiment.info.fm, b.experiment.info.fm
    if fm_a == fm_b:
        return [(info, info, f"{label_of_fm(fm)}, {_short_label(data)}") for (fm, data), info in sets.items()]
    return [
        (info, sets[fm_b, data], _short_label(data))
        for (fm, data), info in sets.items()
        if fm == fm_a and (fm_b, data) in sets
    ]


def _short_label(data: str) -> str:
    """A dataset's label without its part in brackets."""
    return label_of_dataset(data).partition(" (")[0]


def show_tasks(selection: Selection, a: Side, b: Side) -> None:
    """Draw the difference of the recipes on every dataset with all its classes, progressively."""
    heading("All tasks", "compare-tasks")
    sets = selection.panel.sets
    pairs = [
        (of_a, of_b, label)
        for of_a, of_b, label in _pairs(sets, a, b)
        if results.largest_class(of_a) >= a.n and results.largest_class(of_b) >= b.n
    ]
    if (a.experiment.info.fm, a.n) == (b.experiment.info.fm, b.n) and same_recipe(a, b):
        st.caption("A and B differ in the dataset only, so there are no other tasks to compare.")
        return
    if not pairs:
        st.caption("No dataset has that many shots per class.")
        return
    table, problem = sweeps.bundled_table(sets)
    points = []
    for of_a, of_b, _ in pairs:
        for side, info in ((a, of_a), (b, of_b)):
            # Tasks with many classes take longer.
            cost = float(len(results.class_names(info)) or 10) / 10
            recipe = sweep_recipe(side.experiment.recipe).for_fm(info.fm)
            experiment = side.experiment.with_(info=info, classes="all", recipe=recipe)
            points.append(sweeps.run_point(experiment, table, cost))
    draw_progressively("compare-tasks", points, partial(_draw, pairs), "All datasets with all their classes")
    if problem:
        st.caption(plain(problem))


def _draw(pairs: Sequence[Pair], runs: Sequence[Any]) -> None:
    labels, gaps, hover = [], [], []
    for (_, _, label), of_a, of_b in zip(pairs, runs[::2], runs[1::2], strict=True):
        if of_a is None or of_b is None:
            continue
        gap = of_a["accuracy"] - of_b["accuracy"]
        labels.append(label)
        gaps.append(float(gap.mean()))
        hover.append(f"{label}: {signed(gaps[-1])} points, {signed(gap.min())} to {signed(gap.max())} over seeds")
    if not labels:
        return
    values = np.array(gaps)
    plot(
        "compare-tasks",
        comparison.differences(labels, values, hover, "A", "B"),
        alt="A − B in points: " + "; ".join(hover),
        height=70 + 26 * len(labels),
    )
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    count = f"A is better on {wins} and B on {losses} of {len(values)} tasks"
    if len(values) < len(pairs):
        st.caption(f"{count} so far.")
        return
    p = p_text(wilcoxon(values, np.zeros(len(values))))
    few = " With so few tasks, even large differences are not significant." if len(values) < FEW_TASKS else ""
    caption(
        "compare-tasks-caption",
        f"{count}, {signed(float(values.mean()))} points on average; Wilcoxon's signed-rank test over tasks: {p}.{few} "
        "Means over seeds; each dataset with all its classes and the FM's λ. Tasks share images and FMs, so they are "
        "not independent; p-values are too small.",
    )
