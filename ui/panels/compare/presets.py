"""Every preset compared with A."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from imprint_core.evaluation.metrics import signed, summarize
from imprint_core.evaluation.paired_tests import paired_difference
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from ui.charts.progressive import draw_progressively
from ui.charts.record import caption, heading, table
from ui.compute import results
from ui.compute.progressive import Point
from ui.panels.compare.ab_sides import Side


def show_presets(a: Side) -> None:
    """Draw the table of presets; it fills in."""
    heading("Every preset against A", "compare-presets")
    points = []
    for name, preset in PRESETS.items():
        recipe = sweep_recipe(preset.recipe).for_fm(a.experiment.info.fm)
        experiment = a.experiment.with_(recipe=recipe)
        make = partial(results.evaluation, experiment)
        points.append(Point(("preset", name, experiment.key), make, 5.0 if name == "whitened" else 1.0))
    draw_progressively("compare-presets", points, partial(_draw, a), "Evaluating presets", needs_first_point=False)


def _draw(a: Side, evaluations: Sequence[Any], _: str) -> None:
    correct, truth = a.correct, a.pool.y_test
    classes = results.evaluator(a.experiment).classes
    rows = []
    for preset, evaluation in zip(PRESETS.values(), evaluations, strict=True):
        if evaluation is None:
            rows.append([preset.label, "…", "", ""])
            continue
        difference = paired_difference(classes[evaluation.predictions] == truth, correct)
        if sweep_recipe(preset.recipe).for_fm(a.experiment.info.fm) == a.experiment.recipe.canonical():
            verdict = "same as A"
        else:
            verdict = "better" if difference.low > 0 else "worse" if difference.high < 0 else "not significant"
        interval = f"{signed(difference.mean)} ({signed(difference.low)} to {signed(difference.high)})"
        rows.append([preset.label, f"{summarize(evaluation.accuracy).median:.1f}", interval, verdict])
    rows.append(["A", f"{summarize(100 * correct.mean(axis=1)).median:.1f}", "", ""])
    table(
        "compare-presets",
        ["preset", "accuracy, %", "preset − A, points", "verdict"],
        rows,
        align="lrrl",
        strong=len(rows) - 1,
    )
    caption(
        "compare-presets-caption",
        "On A's task, with the same shots and test samples: median accuracy in percent, and mean difference in points "
        "with its 95 % interval.",
    )
