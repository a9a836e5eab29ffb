"""NC1 of all tasks, and the accuracy gain of more proxies over NC1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from imprint_core.collapse.correlation import Correlation
from imprint_core.evaluation.metrics import MINUS, Summary
from imprint_core.figures.charts import error_bars, finite, log_ticks, nc1_line
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import (
    CLASS_COLORS,
    CLASS_SYMBOLS,
    CURVE_LAYOUT,
    GREY,
    LEGEND,
    MARGINS,
    THEME_BACKGROUND,
    THEME_TEXT,
    escape,
    shortened,
)

# Variants of symbols and patterns, one per FM, so that FMs differ in more than colour.
_SYMBOL_VARIANTS = ("", "-open", "-dot", "-open-dot")
_PATTERNS = ("", "/", ".", "x", "-")


@dataclass(frozen=True)
class TaskPoint:
    """A task with its NC1 and its gain in points of accuracy over draws; `fm` and `data` are labels."""

    fm: str
    data: str
    name: str
    nc1: Summary
    gain: Summary
    current: bool = False


def nc1_of_sets(points: Sequence[TaskPoint], fms: Sequence[str], data: Sequence[str]) -> Figure:
    """Draw NC1 of each FM on each dataset as bars on a logarithmic axis, with the line NC1 = 1.

    `fms` and `data` are all labels, also of points still to come, so that their colours do not change.
    """
    traces: list[Trace] = []
    for fm, color, pattern in zip(fms, cycle(CLASS_COLORS), cycle(_PATTERNS), strict=False):
        by_data = {point.data: point for point in points if point.fm == fm}
        bars = [by_data[name] for name in data if name in by_data]
        if not bars:
            continue
        runs = [bar.nc1 for bar in bars]
        traces.append(
            {
                "type": "bar",
                "x": [escape(_brief(bar.data)) for bar in bars],
                "y": [run.median for run in runs],
                "name": escape(fm),
                "marker": {
                    "color": color,
                    "line": {"width": [2 if bar.current else 0 for bar in bars], "color": THEME_TEXT},
                    "pattern": {"shape": pattern},
                },
                "error_y": error_bars(runs, thickness=1.2, width=3),
                "hovertemplate": f"{escape(fm)}, %{{x}}: NC1 %{{y:.2f}}<extra></extra>",
            }
        )
    traces.append(nc1_line([escape(_brief(name)) for name in data]))
    values = [v for point in points for v in (point.nc1.low, point.nc1.high) if v > 0]
    low, high = min([0.5, *finite(values)]) / 1.3, max([2.0, *finite(values)]) * 1.3
    return make_figure(
        traces,
        xaxis={"title": {"text": ""}, "tickangle": -25, "type": "category"},
        yaxis={"title": {"text": "NC1"}, **_log_axis(low, high)},
        legend=LEGEND,
        margin=MARGINS,
        barmode="group",
    )


def _log_axis(low: float, high: float) -> dict[str, Any]:
    return {"type": "log", "range": [np.log10(low), np.log10(high)], **log_ticks(low, high)}


def gain_over_nc1(
    points: Sequence[TaskPoint],
    correlation: Correlation | None,
    published: Sequence[tuple[str, float, float]],
    fms: Sequence[str],
    data: Sequence[str],
) -> Figure:
    """Draw the gain of k = 5 over k = 1 against NC1, one point per task, with the regression line (paper, Figure 12).

    `published` has name, NC1 and gain of the paper's tasks. `fms` and `data` are all labels, also of points still to
    come, so that their colours and symbols do not change.
    """
    traces: list[Trace] = []
    if published:
        traces.append(
            {
                "type": "scatter",
                "x": [nc1 for _, nc1, _ in published],
                "y": [gain for _, _, gain in published],
                "mode": "markers",
                "name": "published",
                "marker": {"symbol": "x-thin", "size": 8, "color": GREY, "line": {"width": 1.5, "color": GREY}},
                "customdata": [name for name, _, _ in published],
                "hovertemplate": "%{customdata}, published: NC1 %{x:.2f}, gain %{y:+.1f} points<extra></extra>",
            }
        )
    fm_styles = list(zip(fms, cycle(CLASS_COLORS), cycle(_SYMBOL_VARIANTS), strict=False))
    data_styles = list(zip(data, cycle(CLASS_SYMBOLS), strict=False))
    for fm, color, variant in fm_styles:
        for name, symbol in data_styles:
            group = [point for point in points if (point.fm, point.data) == (fm, name)]
            if not group:
                continue
            traces.append(
                {
                    "type": "scatter",
                    "x": [point.nc1.median for point in group],
                    "y": [point.gain.median for point in group],
                    "mode": "markers",
                    "showlegend": False,
                    "marker": {
                        "color": color,
                        "symbol": symbol + variant,
                        "size": 9,
                        "line": {"width": 1, "color": THEME_BACKGROUND},
                    },
                    "error_x": error_bars([point.nc1 for point in group], thickness=1, width=0),
                    "error_y": error_bars([point.gain for point in group], thickness=1, width=0),
                    "customdata": [escape(point.name) for point in group],
                    "hovertemplate": "%{customdata}<br>NC1 %{x:.2f}, gain %{y:+.1f} points<extra></extra>",
                }
            )
    # One legend of colours and one of symbols are shorter than one of all pairs.
    traces += [_legend_entry(fm, color, f"square{variant}") for fm, color, variant in fm_styles]
    traces += [_legend_entry(_brief(name), GREY, symbol) for name, symbol in data_styles]
    task_xs = [x for x in finite([point.nc1.median for point in points]) if x > 0]
    if correlation is not None:
        ends, sign = [min(task_xs), max(task_xs)], MINUS if correlation.slope < 0 else "+"
        traces.append(
            {
                "type": "scatter",
                "x": ends,
                "y": [correlation.predict(x) for x in ends],
                "mode": "lines",
                "name": f"{correlation.intercept:.1f} {sign} {abs(correlation.slope):.1f} log NC1",
                "line": {"color": THEME_TEXT, "width": 1.5},
                "hoverinfo": "skip",
            }
        )
    current = [point for point in points if point.current]
    if current:
        traces.append(
            {
                "type": "scatter",
                "x": [point.nc1.median for point in current],
                "y": [point.gain.median for point in current],
                "mode": "markers",
                "name": "now",
                "marker": {"symbol": "circle-open", "size": 18, "color": THEME_TEXT, "line": {"width": 2}},
                "hoverinfo": "skip",
            }
        )
    xs = task_xs + [nc1 for _, nc1, _ in published]
    low, high = min([0.5, *xs]) / 1.2, max([2.0, *xs]) * 1.2
    y_title = "gain of k = 5 over k = 1 (points)"
    return make_figure(
        traces,
        **CURVE_LAYOUT,
        xaxis={"title": {"text": "NC1"}, **_log_axis(low, high)},
        yaxis={"title": {"text": y_title}, "zeroline": True, "zerolinecolor": GREY},
    )


def _brief(name: str) -> str:
    """Return a dataset's label without the part in brackets."""
    return shortened(name.split(" (")[0], 16)


def _legend_entry(name: str, color: str, symbol: str) -> Trace:
    """Return a trace that appears in the legend only."""
    marker = {"color": color, "symbol": symbol, "size": 9}
    return {"type": "scatter", "x": [None], "y": [None], "mode": "markers", "name": escape(name), "marker": marker}
