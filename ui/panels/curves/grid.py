"""Panels of curves, drawn as far as their points are there, with one legend and what has to be said about them."""

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
    NOW,
    Curve,
    Published,
    Style,
    ends_of,
    in_words,
    panel,
    published_style,
    shared_range,
    swatch,
)
from imprint_core.sweeps import paper_results
from imprint_core.sweeps.sweep_table import MEASURES
from ui.charts.plot import kept_figure, plot
from ui.compute.progressive import Point, fill
from ui.controls.sidebar import Selection
from ui.panels.curves.controls import axis_of
from ui.panels.curves.series import Chart, Line
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain

_IN_A_ROW, _HEIGHT = 3, 260
_FEW_SHOT = {"1": "k = 1", "5": "k = 5", "20": "k = 20", "n": "every shot a proxy"}
_FEW_SHOT_TASKS = ("mnist", "fashion_mnist", "cifar10")


def show_charts(selection: Selection, charts: Sequence[Chart]) -> None:
    """Draw the legend and the panels; they fill in."""
    over = [_published(selection, chart) for chart in charts]
    laid = next((own for own in over if own), [])
    _legend([line for line, _, _ in charts[0].lines], charts, laid)
    fill("curves", _ordered(charts), partial(_draw, selection, charts, over), "Curves")


def _ordered(charts: Sequence[Chart]) -> list[Point]:
    """Coarse curves in every panel first, the sidebar's own before the others; each point once."""
    first = sorted(charts, key=lambda chart: chart.current is None)
    points = [p for chart in first for p in chart.coarse] + [p for chart in first for p in chart.points]
    return list({point.key: point for point in points}.values())


def _legend(lines: Sequence[Line], charts: Sequence[Chart], laid: Sequence[Published]) -> None:
    """One legend for all panels, in words that a phone breaks where it must."""
    entries: list[tuple[Style, str]] = [(line.style, line.name) for line in lines]
    entries += [(NOW, f"now, {chart.current[1]}") for chart in charts if chart.current is not None]
    entries += [(one.style, one.name) for one in laid]
    signs = "".join(
        f'<span role="listitem" style="display: inline-flex; align-items: center; gap: 0.4rem">'
        f'<img alt="" src="data:image/svg+xml;base64,{b64encode(swatch(style).encode()).decode()}">'
        f"<span>{html.escape(name)}</span></span>"
        for style, name in entries
    )
    st.html(
        '<div role="list" aria-label="Legend" style="display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; '
        f'font-size: 0.875rem">{signs}</div>'
    )


def _published(selection: Selection, chart: Chart) -> list[Published]:
    """The paper's curves of a panel, where they are asked for and there are any."""
    values, fm, data = selection.panel.values, chart.info.fm, chart.info.dataset
    if not values["curve_paper"] or values["measure"] != "accuracy" or chart.classes != "all":
        return []
    if fm not in paper_results.FMS or data not in paper_results.TASKS:
        return []
    if axis_of(values) == "k":
        accuracy = paper_results.accuracy_over_k(fm, data)
        return [Published("the paper's k-means", published_style(0), tuple(range(1, len(accuracy) + 1)), accuracy)]
    if axis_of(values) == "n" and data in _FEW_SHOT_TASKS:
        return [
            Published(
                f"the paper's k-means, {label}",
                published_style(place),
                paper_results.FEW_SHOT_N,
                paper_results.accuracy_over_shots(fm, data, k),
            )
            for place, (k, label) in enumerate(_FEW_SHOT.items())
        ]
    return []


def _draw(
    selection: Selection,
    charts: Sequence[Chart],
    over: Sequence[Sequence[Published]],
    found: Sequence[Any],
    _: str,
) -> None:
    known = dict(zip((point.key for point in _ordered(charts)), found, strict=True))
    measure = selection.panel.values["measure"]
    xs = sorted(
        {x for chart in charts for own in (chart.xs, *(xs for _, xs, _ in chart.lines)) for x in own}
        | {x for own in over for one in own for x in one.xs}
    )
    drawn = [_curves(chart, known, measure, xs) for chart in charts]
    ys = shared_range(
        measure,
        [v for curves in drawn for curve in curves for run in curve.runs for v in (run.low, run.high)]
        + [v for own in over for one in own for v in one.values],
    )
    for start in range(0, len(charts), _IN_A_ROW):
        columns = st.columns(min(_IN_A_ROW, len(charts)), gap="small")
        for place, column in zip(range(start, len(charts)), columns, strict=False):
            with column:
                _panel(selection, charts[place], drawn[place], over[place], known, xs, ys)


def _curves(
    chart: Chart, known: Mapping[tuple[Hashable, ...], Any], measure: str, every: Sequence[float]
) -> list[Curve]:
    """The curves of a panel, as far as they are there."""
    curves = []
    for line, xs, points in chart.lines:
        runs = [summarize(values[measure]) if (values := known[p.key]) is not None else None for p in points]
        if line.flat:
            ends = ends_of(every)
            there = [(x, run) for run in runs if run is not None for x in ends]
        else:
            there = [(x, run) for x, run in zip(xs, runs, strict=True) if run is not None]
        there = [(x, run) for x, run in there if not math.isnan(run.median)]
        if there:
            at, at_each = zip(*there, strict=True)
            curves.append(Curve(line.name, line.style, at, at_each, line.flat))
    return curves


def _panel(
    selection: Selection,
    chart: Chart,
    curves: Sequence[Curve],
    over: Sequence[Published],
    known: Mapping[tuple[Hashable, ...], Any],
    xs: Sequence[float],
    ys: tuple[float, float],
) -> None:
    values = selection.panel.values
    measure, axis = values["measure"], axis_of(values)
    there = "".join("01"[known[point.key] is not None] for point in chart.points)
    fm, data = chart.info.fm, chart.info.dataset
    st.markdown(f"**{plain(chart.title)}**")
    told = in_words(curves, measure, axis) or "nothing yet"
    plot(
        f"curves-{fm}-{data}",
        kept_figure(
            ("curves", measure, axis, fm, data, chart.stamp, there, bool(over), xs, ys),
            lambda: panel(curves, over, measure, axis, xs, ys, _current(chart, curves)),
        ),
        alt=f"{MEASURES[measure].label} over {AXES[axis].label}, {chart.title}: {told}",
        height=_HEIGHT,
    )


def _current(chart: Chart, curves: Sequence[Curve]) -> tuple[float, Summary, str] | None:
    """Where the choice in force is on its curve, as soon as that is known."""
    if chart.current is None or not curves or curves[0].name != chart.lines[0][0].name:
        return None
    at, called = chart.current
    return next(((x, run, called) for x, run in zip(curves[0].xs, curves[0].runs, strict=True) if x == at), None)


def caption_of(selection: Selection, charts: Sequence[Chart], remarks: Sequence[str]) -> str:
    """What holds for all panels, in Markdown."""
    values = selection.panel.values
    axis, seeds = axis_of(values), len(selection.seeds)
    said = []
    if axis != "n":
        said.append(f"{selection.n} shots a class, or as many as there are.")
    if values["measure"] == "nc1":
        said.append(
            "NC1 is that of the shots after NORM pre, whatever comes then: it depends on neither k nor λ, so it is "
            "drawn over n-shot, on a logarithmic axis, and recipes of the same NORM pre are one line."
        )
    elif any(line.flat for line, _, _ in charts[0].lines):
        said.append(f"Recipes to which {AXES[axis].sign} doesn't matter are flat.")
    said.append(
        f"Median and range over {seeds} seeds." if seeds > 1 else "One seed, so that there is no range to be seen."
    )
    said.append("“now” is the sidebar's recipe. All panels have the same axes.")
    classes, data = selection.experiment.classes, selection.info.dataset
    if classes != "all":
        others = any(chart.info.dataset != data for chart in charts)
        said.append(
            f"{plain(label_of_dataset(data))}: classes {plain(classes)}"
            + ("; the other datasets take all their classes." if others else ".")
        )
    said += [plain(remark) for remark in remarks]
    return " ".join(said + _about_published(selection, charts))


def _about_published(selection: Selection, charts: Sequence[Chart]) -> list[str]:
    values = selection.panel.values
    if not values["curve_paper"] or values["measure"] != "accuracy" or axis_of(values) == "lam":
        return []
    matching = [chart for chart in charts if _published(selection, chart)]
    if not matching:
        return [
            "Of the panels none is the paper's: its FMs are "
            + plain(", ".join(paper_results.FMS.values()))
            + ", its datasets MNIST, Fashion\\-MNIST, CIFAR\\-10 and CombiDigits, with all classes."
        ]
    how = (
        "(Figure 11b): k-means, L2 everywhere, AGG max, **all training samples** of the dataset, medians over three "
        "seeds"
        if axis_of(values) == "k"
        else "(Figure 10): k-means, L2 everywhere, AGG max, medians over five seeds, digitised to about 0.1 points"
    )
    weights = dict.fromkeys(
        f"{label_of_fm(chart.info.fm)} here is {chart.info.meta['fm']['weights_origin']}." for chart in matching
    )
    return [
        f"Dotted and grey is the paper {how}; on {plain(', '.join(chart.title for chart in matching))}. It has "
        f"weights, images and test samples of its own: {plain(' '.join(weights))}"
    ]
