"""A and B in numbers: accuracies, their difference overall, per class and per seed, and every preset against A."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.evaluation.metrics import signed, signed_difference, summarize
from imprint_core.evaluation.paired_tests import LEVEL, Difference, mcnemar, paired_difference, unpaired_difference
from imprint_core.evaluation.ranking import p_text
from imprint_core.figures import comparison
from imprint_core.framework.transforms import TRANSFORMS
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.charts.record import caption, heading, record_table, table
from ui.compute import results
from ui.compute.progressive import Point
from ui.panels.compare.ab_sides import Side, paired, recipe_labels
from ui.text.labels import count_text
from ui.text.markdown import plain


def show_numbers(a: Side, b: Side) -> None:
    """Draw the headline."""
    with st.empty(), st.spinner("Imprinting both …"):
        correct = a.correct, b.correct
        difference = paired_difference(*correct) if paired(a, b) else unpaired_difference(*correct)
    grey: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    columns = st.columns(3, gap="medium")
    rows, medians = [], []
    for column, side, label in zip(columns, (a, b), recipe_labels(a, b), strict=False):
        run = results.evaluation(side.experiment).summary
        equal = "equal for all seeds" if run.runs > 1 else "1 draw"
        spread = f"{run.range_text()} % over {run.runs} seeds" if run.range_text() else equal
        value, details = f"{run.median:.1f} %", f"{side.task}. {side.experiment.recipe}. Tested on {side.tested_text}."
        rows.append((f"{side.name}: {label}", value, spread, details))
        medians.append(run.median)
        column.metric(f"{side.name}: {label}", value, spread, help=plain(details), **grey)
        column.caption(plain(f"{side.task} · tested on {side.tested_text}"))
    gap = f"{signed_difference(*medians)} points"
    kind = "difference of the medians"
    columns[2].metric("A − B", gap, kind, **grey)
    same = a.experiment == b.experiment
    mean = "No difference: A and B are the same." if same else _mean_text(difference, paired(a, b))
    verdict = "" if same else _verdict(difference)
    columns[2].caption(f"{mean} **{verdict}**" if difference.significant else f"{mean} {verdict}")
    rows.append(("A − B", gap, kind, f"{mean} {verdict}".strip()))
    record_table("compare-numbers", ("", "median accuracy, or difference", "over seeds", "details"), rows)


def _mean_text(difference: Difference, same_samples: bool) -> str:
    """The mean difference and its interval."""
    over = "over seeds and test samples" if same_samples else "of means on different test samples"
    return (
        f"Mean difference {signed(difference.mean)} points, {100 * LEVEL:.0f} % interval {signed(difference.low)} to "
        f"{signed(difference.high)} {over}."
    )


def _verdict(difference: Difference) -> str:
    if not (difference.mean or difference.low or difference.high):
        return "Both are correct on the same samples."
    if not difference.significant:
        return "Not significant: the interval includes 0."
    return f"{'A' if difference.mean > 0 else 'B'} is better."


def show_seeds(a: Side, b: Side) -> None:
    """Draw McNemar's test of each seed."""
    heading("Seed by seed, on the same test samples", "compare-seeds")
    rows = []
    for seed, of_a, of_b in zip(a.experiment.seeds, a.correct, b.correct, strict=True):
        test = mcnemar(of_a, of_b)
        p = p_text(test.p).removeprefix("p ").removeprefix("= ")
        accuracies = 100 * float(of_a.mean()), 100 * float(of_b.mean())
        gap = signed_difference(*accuracies)
        rows.append([str(seed), *(f"{value:.1f}" for value in accuracies), gap, str(test.only_a), str(test.only_b), p])
    head = ["seed", "A, %", "B, %", "A − B", "only A correct", "only B correct", "p"]
    table("compare-seeds", head, rows, align="rrrrrrr")
    caption(
        "compare-seeds-caption",
        f"p: exact McNemar test of equal error rates on {a.tested_text}. Tests of different seeds are not independent: "
        "they have the same test samples.",
    )


def show_classes(a: Side, b: Side) -> None:
    """Draw the difference in recall of each class."""
    heading("Class by class", "compare-classes")
    names, gains, texts = _gains(a, b)
    plot(
        "compare-classes",
        comparison.differences(names, gains, texts, "A", "B"),
        alt="A − B in points, by class: " + "; ".join(texts[:20]),
        height=min(70 + 26 * len(names), 700),
    )
    st.caption(
        "Difference A − B in the share of correctly classified test samples of each class, mean over seeds. "
        f"{_largest(names, gains)}"
    )


def _gains(a: Side, b: Side) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """For each class: its name, A's recall less B's in points, and a text with both.

    Recalls are rounded as in the text, so that the three numbers add up.
    """
    y, names = a.tested.y_test, a.tested.names
    correct = a.correct.mean(axis=0), b.correct.mean(axis=0)
    classes = np.unique(y)
    recalls = np.array([[round(100 * float(side[y == c].mean()), 1) for side in correct] for c in classes])
    texts = [
        f"{names[c]}, {count_text(int((y == c).sum()), a.experiment.info)}: A {of_a:.1f} %, B {of_b:.1f} %"
        for c, (of_a, of_b) in zip(classes, recalls, strict=True)
    ]
    return [names[c] for c in classes], recalls[:, 0] - recalls[:, 1], texts


def _largest(names: list[str], gains: NDArray[np.float64]) -> str:
    """The classes with the largest differences, in Markdown."""
    best, worst = int(np.argmax(gains)), int(np.argmin(gains))
    parts = []
    if gains[best] > 0:
        parts.append(f"Largest advantage of A: {plain(names[best])} ({signed(gains[best])} points)")
    if gains[worst] < 0:
        parts.append(f"largest advantage of B: {plain(names[worst])} ({signed(-gains[worst])} points)")
    text = "; ".join(parts) or "No class differs"
    return f"{text[0].upper()}{text[1:]}."


def show_presets(a: Side) -> None:
    """Draw the table of presets progressively."""
    heading("Every preset against A", "compare-presets")
    points = []
    for name, preset in PRESETS.items():
        recipe = sweep_recipe(preset.recipe).for_fm(a.experiment.info.fm)
        experiment = a.experiment.with_(recipe=recipe)
        make = partial(results.evaluation, experiment)
        slow = TRANSFORMS[recipe.pretransform].fitted
        points.append(Point(("preset", name, experiment.key), make, 5.0 if slow else 1.0))
    draw_progressively("compare-presets", points, partial(_draw_presets, a), "Evaluating presets", False)


def _draw_presets(a: Side, evaluations: Sequence[Any]) -> None:
    correct, truth = a.correct, a.tested.y_test
    classes = results.evaluator(a.experiment).classes
    rows, median_of_a = [], summarize(100 * correct.mean(axis=1)).median
    for preset, evaluation in zip(PRESETS.values(), evaluations, strict=True):
        if evaluation is None:
            rows.append([preset.label, "…", "", "", ""])
            continue
        difference = paired_difference(classes[evaluation.predictions] == truth, correct)
        if sweep_recipe(preset.recipe).for_fm(a.experiment.info.fm) == a.experiment.recipe.canonical():
            verdict = "same as A"
        else:
            verdict = "better" if difference.low > 0 else "worse" if difference.high < 0 else "not significant"
        interval = f"{signed(difference.low)} to {signed(difference.high)}"
        median = summarize(evaluation.accuracy).median
        gap = signed_difference(median, median_of_a)
        rows.append([preset.label, f"{median:.1f}", gap, interval, verdict])
    rows.append(["A", f"{median_of_a:.1f}", "", "", ""])
    table(
        "compare-presets",
        ["preset", "accuracy, %", "preset − A", "95 % interval", "verdict"],
        rows,
        align="lrrrl",
        strong=len(rows) - 1,
    )
    caption(
        "compare-presets-caption",
        f"On A's task, {a.tested_text}, with the same shots: median accuracies in percent, their difference in points, "
        "and the 95 % interval of the mean difference.",
    )
