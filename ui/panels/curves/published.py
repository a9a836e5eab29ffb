"""The paper's curves in the charts of Curves, and the caption of all charts."""

from __future__ import annotations

from collections.abc import Sequence

from imprint_core.figures.small_multiples import AXES, PublishedCurve, published_style
from imprint_core.sweeps import paper_results
from imprint_core.sweeps.run_measures import MEASURES
from ui.controls.sidebar import Selection
from ui.panels.curves.controls import axis_of, can_overlay
from ui.panels.curves.series import Chart
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_FEW_SHOT = {"1": "k = 1", "5": "k = 5", "20": "k = 20", "n": "all shots as proxies"}
_FEW_SHOT_TASKS = ("mnist", "fashion_mnist", "cifar10")


def published_curves(selection: Selection, chart: Chart) -> list[PublishedCurve]:
    """The paper's curves of a chart, if they are requested and available."""
    values, fm, data = selection.panel.values, chart.info.fm, chart.info.dataset
    if not values["curve_paper"] or not can_overlay(values) or chart.classes != "all":
        return []
    if fm not in paper_results.FMS or data not in paper_results.TASKS:
        return []
    if axis_of(values) == "k":
        accuracy = paper_results.accuracy_over_k(fm, data)
        return [PublishedCurve("the paper's k-means", published_style(0), tuple(range(1, len(accuracy) + 1)), accuracy)]
    if data not in _FEW_SHOT_TASKS:
        return []
    return [
        PublishedCurve(
            f"the paper's k-means, {label}",
            published_style(i),
            paper_results.FEW_SHOT_N,
            paper_results.accuracy_over_shots(fm, data, k),
        )
        for i, (k, label) in enumerate(_FEW_SHOT.items())
    ]


def caption_of(selection: Selection, charts: Sequence[Chart], remarks: Sequence[str]) -> str:
    """The caption of all charts, in Markdown."""
    values = selection.panel.values
    axis, seeds, measure = axis_of(values), len(selection.experiment.seeds), MEASURES[values["measure"]]
    sentences = []
    if axis != "n":
        sentences.append(f"{selection.experiment.n_shot} shots per class, or all available ones if there are fewer.")
    if measure.of_shots is not None:
        sentences.append(
            f"{measure.label} is measured on the shots after NORM pre: it depends on neither k nor λ, so its x axis is "
            "the n-shot, and recipes with the same NORM pre share one line."
        )
    elif any(line.flat for line, _, _ in charts[0].lines):
        sentences.append(f"Recipes that do not depend on {AXES[axis].symbol} are flat.")
    sentences.append(f"Median and range over {seeds} seeds." if seeds > 1 else "One seed, so there is no range.")
    sentences.append("“current” is the sidebar's recipe. All charts have the same axes.")
    classes, data = selection.experiment.classes, selection.experiment.info.dataset
    if classes != "all":
        others = any(chart.info.dataset != data for chart in charts)
        sentences.append(
            f"{plain(label_of_dataset(data))}: classes {plain(classes)}"
            + ("; the other datasets have all their classes." if others else ".")
        )
    sentences += map(plain, remarks)
    return " ".join(sentences + _about_published(selection, charts))


def _about_published(selection: Selection, charts: Sequence[Chart]) -> list[str]:
    values = selection.panel.values
    if not values["curve_paper"] or not can_overlay(values):
        return []
    matching = [chart for chart in charts if published_curves(selection, chart)]
    if not matching:
        fms = plain(", ".join(paper_results.FMS.values()))
        return [
            f"The paper has no curves of these charts: its FMs are {fms}, its datasets MNIST, Fashion\\-MNIST, "
            "CIFAR\\-10 and CombiDigits, with all classes."
        ]
    source = (
        "Figure 11b: k-means, L2 everywhere, AGG max, **all training samples**, medians over three seeds"
        if axis_of(values) == "k"
        else "Figure 10: k-means, L2 everywhere, AGG max, medians over five seeds, digitised to about 0.1 points"
    )
    weights = dict.fromkeys(
        f"{label_of_fm(chart.info.fm)} here is {chart.info.meta['fm']['weights_origin']}." for chart in matching
    )
    return [
        f"Dotted grey lines are the paper's results on {plain(', '.join(chart.title for chart in matching))} "
        f"({source}). Its weights, images and test samples differ from these: {plain(' '.join(weights))}"
    ]
