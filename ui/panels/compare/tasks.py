"""A's recipe against B's on every task there is, and every preset against A."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.paired_tests import paired_difference
from imprint_core.evaluation.ranking import FEW_TASKS, wilcoxon
from imprint_core.figures import comparison
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from ui.charts.plot import cached_figure, plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import caption, heading, table
from ui.compute import results, sweeps
from ui.compute.progressive import Point
from ui.controls.control import Sets
from ui.controls.sidebar import Selection
from ui.panels.compare.ab_sides import Side, same_recipe
from ui.text.labels import label_of_dataset, label_of_fm


def _pairs(sets: Sets, a: Side, b: Side) -> list[tuple[Any, Any, str]]:
    """Sets of A's and of B's, and what the pair is called: every FM's where both have the same, each dataset once."""
    if a.info.fm == b.info.fm:
        return [(info, info, f"{label_of_fm(fm)}, {_short(data)}") for (fm, data), info in sets.items()]
    own = {data: info for (fm, data), info in sets.items() if fm == a.info.fm}
    other = {data: info for (fm, data), info in sets.items() if fm == b.info.fm}
    return [(own[data], other[data], _short(data)) for data in own if data in other]


def _short(data: str) -> str:
    """A dataset's label without what is in brackets, for bars."""
    return label_of_dataset(data).partition(" (")[0]


def show_tasks(selection: Selection, a: Side, b: Side) -> None:
    """Draw A's recipe less B's on every dataset with all its classes; it fills in."""
    heading("The same question on every task", "compare-tasks")
    sets, seeds = selection.panel.sets, selection.seeds
    pairs = [
        (one, other, name)
        for one, other, name in _pairs(sets, a, b)
        if results.largest_class(one) >= a.n and results.largest_class(other) >= b.n
    ]
    if (a.info.fm, a.n) == (b.info.fm, b.n) and same_recipe(a, b):
        st.caption("A and B differ in the dataset alone: there is no other task to ask.")
        return
    if not pairs:
        st.caption("No dataset has that many shots of a class.")
        return
    points = []
    for one, other, _ in pairs:
        for side, info in ((a, one), (b, other)):
            # Products and clusters of a task of many classes take longer.
            cost = float(len(results.class_names(info)) or 10) / 10
            recipe = sweep_recipe(side.recipe).for_fm(info.fm)
            points.append(sweeps.run_point(Experiment(info, "all", side.n, recipe, seeds), sets, cost))
    draw_progressively(
        "compare-tasks", points, partial(_draw_tasks, selection, pairs), "Every dataset with all its classes"
    )


def _draw_tasks(selection: Selection, pairs: Sequence[Any], found: Sequence[Any], there: str) -> None:
    names, gaps, hover = [], [], []
    for place, (_, _, name) in enumerate(pairs):
        one, other = found[2 * place], found[2 * place + 1]
        if one is None or other is None:
            continue
        runs = one["accuracy"] - other["accuracy"]
        names.append(name)
        gaps.append(float(runs.mean()))
        hover.append(f"{name}: {signed(gaps[-1])} points, {signed(runs.min())} to {signed(runs.max())} over seeds")
    if not names:
        return
    values = np.array(gaps)
    plot(
        "compare-tasks",
        cached_figure(("compare-tasks", there, *names), lambda: comparison.differences(names, values, hover, "A", "B")),
        alt="A less B in points: " + "; ".join(hover),
        height=70 + 26 * len(names),
    )
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    told = f"A is better on {wins} and B on {losses} of {len(values)} tasks"
    if len(values) < len(pairs):
        st.caption(f"{told} so far.")
        return
    p = wilcoxon(values, np.zeros(len(values)))
    few = " So few tasks can hardly tell." if len(values) < FEW_TASKS else ""
    caption(
        "compare-tasks-told",
        f"{told}, {signed(float(values.mean()))} points on average; Wilcoxon's signed-rank test over tasks: p = "
        f"{p:.2g}.{few} Means over seeds; each dataset with all its classes, λ the FM's. Tasks of one dataset or FM "
        "are no independent ones.",
    )


def show_presets(selection: Selection, a: Side) -> None:
    """Draw the table of every preset against A; it fills in."""
    heading("Every preset against A", "compare-presets")
    points = []
    for name, preset in PRESETS.items():
        recipe = sweep_recipe(preset.recipe).for_fm(a.info.fm)
        experiment = a.experiment.with_(recipe=recipe, seeds=selection.seeds)
        make = partial(results.evaluation, experiment)
        points.append(Point(("preset", name, experiment.key), make, 5.0 if name == "whitened" else 1.0))
    draw_progressively(
        "compare-presets", points, partial(_draw_presets, selection, a), "Evaluating presets", needs_first_point=False
    )


def _draw_presets(selection: Selection, a: Side, found: Sequence[Any], _: str) -> None:
    own, truth = a.right(selection.seeds), a.pool.y_test
    rows = []
    classes = results.evaluator(a.experiment).classes
    for preset, evaluated in zip(PRESETS.values(), found, strict=True):
        if evaluated is None:
            rows.append([preset.label, "…", "", ""])
            continue
        gap = paired_difference(classes[evaluated.predictions] == truth, own)
        verdict = "better" if gap.low > 0 else "worse" if gap.high < 0 else "may be chance"
        if sweep_recipe(preset.recipe).for_fm(a.info.fm) == a.recipe.canonical():
            verdict = "this is A"
        against = f"{signed(gap.mean)} ({signed(gap.low)} to {signed(gap.high)})"
        rows.append([preset.label, f"{summarize(evaluated.accuracy).median:.1f}", against, verdict])
    rows.append(["A, as it is", f"{summarize(100 * own.mean(axis=1)).median:.1f}", "", ""])
    table(
        "compare-presets",
        ["preset", "accuracy, %", "preset − A, points", "verdict"],
        rows,
        align="lrrl",
        strong=len(rows) - 1,
    )
    caption(
        "compare-presets-told",
        "On A's task, the same shots and test samples: median accuracy in percent; mean difference in points with its "
        "95 % interval.",
    )
