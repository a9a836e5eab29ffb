"""Charts of Curves in a grid with one legend and caption, and the paper's curves; drawn progressively."""

from __future__ import annotations

import html
import math
from base64 import b64encode
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures.small_multiples import (
    AXES,
    CURRENT_STYLE,
    Curve,
    PublishedCurve,
    Style,
    describe_curves,
    flat_xs,
    legend_symbol,
    panel,
    published_style,
    shared_range,
)
from imprint_core.sweeps import paper_results
from imprint_core.sweeps.run_measures import MEASURES
from ui.charts.plot import plot
from ui.charts.progressive import draw_progressively
from ui.compute import results
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection
from ui.panels.curves.controls import axis_of, can_overlay
from ui.panels.curves.series import Chart, RecipeLine
from ui.text.labels import count_text, label_of_dataset, label_of_fm
from ui.text.markdown import plain

_FEW_SHOT = {"1": "k = 1", "5": "k = 5", "20": "k = 20", "n": "all shots as proxies"}
_FEW_SHOT_TASKS = ("mnist", "fashion_mnist", "cifar10")

_PER_ROW, _HEIGHT = 3, 260


def show_charts(selection: Selection, charts: Sequence[Chart]) -> None:
    """Draw the legend and the charts."""
    published = [published_curves(selection, chart) for chart in charts]
    _legend([line for line, _, _ in charts[0].lines], charts, next(filter(None, published), []))
    draw_progressively("curves", _ordered_points(charts), partial(_draw, selection, charts, published), "Curves")


def _ordered_points(charts: Sequence[Chart]) -> list[Point]:
    """Coarse curves of all charts first, each point once; the sidebar's chart before the others."""
    ordered = sorted(charts, key=lambda chart: chart.current is None)
    points = [p for chart in ordered for p in chart.coarse] + [p for chart in ordered for p in chart.points]
    return list({point.key: point for point in points}.values())


def _legend(lines: Sequence[RecipeLine], charts: Sequence[Chart], published: Sequence[PublishedCurve]) -> None:
    """Draw the legend as a list of HTML, which wraps on narrow screens."""
    entries: list[tuple[Style, str]] = [(line.style, line.name) for line in lines]
    entries += [(CURRENT_STYLE, f"current, {chart.current[1]}") for chart in charts if chart.current is not None]
    entries += [(curve.style, curve.name) for curve in published]
    items = "".join(
        f'<span role="listitem" style="display: inline-flex; align-items: center; gap: 0.4rem">'
        f'<img alt="" src="data:image/svg+xml;base64,{b64encode(legend_symbol(style).encode()).decode()}">'
        f"<span>{html.escape(name)}</span></span>"
        for style, name in entries
    )
    st.html(
        '<div role="list" aria-label="Legend" style="display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; '
        f'font-size: 0.875rem">{items}</div>'
    )


def _draw(
    selection: Selection,
    charts: Sequence[Chart],
    published: Sequence[Sequence[PublishedCurve]],
    values: Sequence[Any],
) -> None:
    known = dict(zip((point.key for point in _ordered_points(charts)), values, strict=True))
    measure = selection.panel.values["measure"]
    xs = sorted(
        {x for chart in charts for line_xs in (chart.xs, *(xs for _, xs, _ in chart.lines)) for x in line_xs}
        | {x for curves in published for curve in curves for x in curve.xs}
    )
    curves = [_curves(chart, known, measure, xs) for chart in charts]
    ys = shared_range(
        measure,
        [v for chart in curves for curve in chart for run in curve.runs for v in (run.low, run.high)]
        + [v for chart in published for curve in chart for v in curve.values],
    )
    per_row = 2 if len(charts) == 4 else min(_PER_ROW, len(charts))
    for start in range(0, len(charts), per_row):
        columns = st.columns(per_row, gap="small")
        for i, column in zip(range(start, len(charts)), columns, strict=False):
            with column:
                _panel(selection, charts[i], curves[i], published[i], xs, ys)


def _curves(
    chart: Chart, known: Mapping[tuple[Hashable, ...], Any], measure: str, all_xs: Sequence[float]
) -> list[Curve]:
    """The curves of a chart from the known points."""
    curves = []
    for line, xs, points in chart.lines:
        runs = [summarize(values[measure]) if (values := known[p.key]) is not None else None for p in points]
        pairs = [(x, runs[0]) for x in flat_xs(all_xs)] if line.flat else zip(xs, runs, strict=True)
        known_pairs = [(x, run) for x, run in pairs if run is not None and not math.isnan(run.median)]
        if known_pairs:
            curve_xs, curve_runs = zip(*known_pairs, strict=True)
            curves.append(Curve(line.name, line.style, curve_xs, curve_runs, line.flat))
    return curves


def _panel(
    selection: Selection,
    chart: Chart,
    curves: Sequence[Curve],
    published: Sequence[PublishedCurve],
    xs: Sequence[float],
    ys: tuple[float, float],
) -> None:
    values = selection.panel.values
    measure, axis = values["measure"], axis_of(values)
    st.markdown(f"**{plain(chart.title)}**")
    description = describe_curves(curves, measure, axis) or "no point yet"
    plot(
        f"curves-{chart.info.fm}-{chart.info.dataset}",
        panel(curves, published, measure, axis, xs, ys, _current(chart, curves)),
        alt=f"{MEASURES[measure].label} over {AXES[axis].label}, {chart.title}: {description}",
        height=_HEIGHT,
    )


def _current(chart: Chart, curves: Sequence[Curve]) -> tuple[float, Summary, str] | None:
    """The current selection on its curve, as soon as its point is known."""
    if chart.current is None or not curves or curves[0].name != chart.lines[0][0].name:
        return None
    current, label = chart.current
    return next(((x, run, label) for x, run in zip(curves[0].xs, curves[0].runs, strict=True) if x == current), None)


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
    if seeds > 1 and axis != "n" and all(_uses_all(chart) for chart in charts):
        sentences.append("All training samples are shots, so only GEN's random numbers differ between seeds.")
    if measure.of_shots is None:
        tested = {
            chart.info.dataset: count_text(results.tested_count(chart.info, chart.classes), chart.info)
            for chart in charts
        }
        counts = [f"{text} of {plain(label_of_dataset(data))}" for data, text in tested.items()]
        sentences.append(f"Tested on {', '.join(counts)}.")
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


def _uses_all(chart: Chart) -> bool:
    """Whether a fixed split's training samples are all shots."""
    return not chart.info.held_out and chart.n >= results.most_shots(chart.info, chart.classes)


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
