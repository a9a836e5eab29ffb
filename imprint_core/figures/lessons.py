"""Figures of the lessons: accuracy curves, predictions per class, confused pairs, the synthetic example, names on maps.

`mark_predictions` adds what a student predicted to any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import Summary
from imprint_core.evaluation.synthetic import EXTENT, NAMES, SyntheticData, SyntheticResult
from imprint_core.figures.charts import ACCURACY_AXIS, curve_chart, curve_traces
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import (
    ACCENT,
    AMBER,
    ASH,
    CLASS_COLORS,
    CLASS_SYMBOLS,
    LEGEND,
    LINE_COLORS,
    MARGINS,
    THEME_BACKGROUND,
    THEME_TEXT,
    escape,
    faded,
)

# An axis has a tick for each of so few values.
_MOST_TICKS = 10
# Height of a mark's label relative to the range of the accuracies.
_LABEL_SPACE = 0.2
# Label of what a student predicted.
PREDICTION = "your prediction"
# Smallest range of an accuracy axis, in points.
_MIN_RANGE = 20.0


Limits = tuple[float, float]


class Mark(NamedTuple):
    """A student's prediction on a chart: ranges of both axes, None for a whole axis, and what is predicted."""

    text: str
    x: Limits | None = None
    y: Limits | None = None


class Line(NamedTuple):
    """A curve of accuracy over a parameter."""

    name: str
    xs: Sequence[int]
    runs: Sequence[Summary]


def curves(lines: Sequence[Line], xs: Sequence[int], title: str, elbow: int | None = None) -> Figure:
    """Draw accuracy curves on an axis over all `xs`, with a vertical line at `elbow`.

    Empty lines are not drawn; the others keep their colours.
    """
    traces: list[Trace] = []
    for line, color in zip(lines, LINE_COLORS, strict=False):
        if line.xs:
            hover = f"{escape(line.name)}: %{{y:.1f}} %"
            traces += curve_traces(line.xs, line.runs, escape(line.name), hover, color, legendgroup=line.name)
    accuracies = [v for line in lines for r in line.runs for v in (r.low, r.high)]
    figure = curve_chart(traces, xs, title, ACCURACY_AXIS, _padded(accuracies))
    # A logarithmic axis already has a range.
    figure["layout"]["xaxis"].setdefault("range", [xs[0] - 0.5, xs[-1] + 0.5])
    if len(xs) <= _MOST_TICKS:
        figure["layout"]["xaxis"] |= {"tickvals": list(xs), "ticktext": [str(x) for x in xs]}
    if elbow is not None:
        ends = {"x0": elbow, "x1": elbow, "y0": 0, "y1": 1, "xref": "x", "yref": "y domain"}
        label = {"text": "bend", "textposition": "start", "textangle": 0, "font": {"size": 11, "color": THEME_TEXT}}
        figure["layout"]["shapes"] = [
            {"type": "line", **ends, "line": {"color": THEME_TEXT, "width": 1.2, "dash": "dot"}, "label": label}
        ]
    return figure


def mark_predictions(figure: Figure, marks: Sequence[Mark]) -> Figure:
    """Shade the ranges that a student predicted, each with a label; labels alternate between top and bottom."""
    if not marks:
        return figure
    layout, shapes = dict(figure["layout"]), []
    for mark, edge in zip(marks, cycle(("top", "bottom")), strict=False):
        x, y = mark.x or (0, 1), mark.y or (0, 1)
        shapes.append(
            {
                "type": "rect",
                "name": PREDICTION,
                "xref": "x domain" if mark.x is None else "x",
                "yref": "y domain" if mark.y is None else "y",
                "x0": x[0],
                "x1": x[1],
                "y0": y[0],
                "y1": y[1],
                "fillcolor": faded(AMBER, 0.25),
                "line": {"color": AMBER, "width": 1, "dash": "dash"},
                "label": {
                    "text": f"{PREDICTION}<br>{escape(mark.text)}",
                    # Beyond a narrow range, the text continues towards the middle of the chart.
                    "textposition": f"{edge} {_side(layout['xaxis'], mark.x)}",
                    "font": {"size": 11, "color": THEME_TEXT},
                },
            }
        )
    layout["shapes"] = [*shapes, *layout.get("shapes", ())]
    if "range" in layout["yaxis"]:
        low, high = layout["yaxis"]["range"]
        # Labels at the top and at the bottom do not cover the curve.
        space = _LABEL_SPACE * (high - low)
        columns = [mark.y is None for mark in marks]
        low, high = low - space * any(columns[1::2]), high + space * any(columns[::2])
        limits = [value for mark in marks if mark.y for value in mark.y]
        layout["yaxis"] = {**layout["yaxis"], "range": (min([low, *limits]), max([high, *limits]))}
    return {**figure, "layout": layout}


def _side(axis: dict[str, Any], x: Limits | None) -> str:
    """Return the side of an axis on which a range is; a whole axis is labelled at its right end."""
    if x is None:
        return "right"
    if "range" not in axis:
        return "left"
    middle = (x[0] + x[1]) / 2
    return "left" if (np.log10(middle) if axis.get("type") == "log" else middle) < np.mean(axis["range"]) else "right"


def with_predictions(alt: str, marks: Sequence[Mark]) -> str:
    """Add the marks of a chart to its text alternative."""
    return "; ".join([alt, *(f"{PREDICTION}: {mark.text}" for mark in marks)])


def _padded(values: Sequence[float]) -> tuple[float, float] | None:
    """Return a range with all values in percent, at least `_MIN_RANGE` wide if it does not end at 0 or 100 before.

    So the first point does not fill the figure.
    """
    if not values:
        return None
    low, high = min(values), max(values)
    pad = max(1.0, (_MIN_RANGE - (high - low)) / 2)
    return max(low - pad, 0.0), min(high + pad, 100.0)


def predictions_by_length(
    counts: PredictionCounts, names: Sequence[str], norms: Sequence[str] = ("none", "l2")
) -> Figure:
    """Draw the number of test samples predicted as each class with each of `norms` as NORM post.

    `names` are in the order of `counts`.
    """
    bars = {
        "none": (counts.none, "predicted, NORM post none", CLASS_COLORS[6]),
        "l2": (counts.l2, "predicted, NORM post L2", CLASS_COLORS[0]),
    }
    labels = [f"{escape(name)}<br>{length:.1f}" for name, length in zip(names, counts.lengths, strict=True)]
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": labels,
            "y": predicted.tolist(),
            "name": name,
            "marker": {"color": color},
            "hovertemplate": "%{y} test samples<extra></extra>",
        }
        for predicted, name, color in (bars[norm] for norm in norms)
    ]
    traces.append(
        {
            "type": "scatter",
            "x": labels,
            "y": counts.true.tolist(),
            "name": "test samples of the class",
            "mode": "markers",
            "marker": {"symbol": "line-ew", "size": 26, "line": {"width": 2.5, "color": THEME_TEXT}},
            "hovertemplate": "%{y} of this class<extra></extra>",
        }
    )
    return make_figure(
        traces,
        barmode="group",
        bargap=0.25,
        margin=MARGINS,
        legend=LEGEND,
        xaxis={"type": "category", "title": {"text": "class and length of its proxy"}, "tickangle": 0},
        yaxis={"title": {"text": "test samples"}},
    )


def proxy_lengths(counts: PredictionCounts, names: Sequence[str]) -> Figure:
    """Draw the length of each class's proxy; `names` are in the order of `counts`."""
    bars: Trace = {
        "type": "bar",
        "x": [escape(name) for name in names],
        "y": counts.lengths.tolist(),
        "texttemplate": "%{y:.1f}",
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ACCENT},
        "hovertemplate": "class %{x}: length %{y:.2f}<extra></extra>",
    }
    return make_figure(
        [bars],
        bargap=0.35,
        margin={**MARGINS, "t": 20},
        xaxis={"type": "category", "title": {"text": "class"}, "tickangle": 0},
        yaxis={"title": {"text": "length of the proxy"}},
    )


def confused_pairs(pairs: Sequence[str], percent: Sequence[float], highlighted: int) -> Figure:
    """Draw how often the classes of pairs are confused, in descending order; one pair has another colour."""
    bars: Trace = {
        "type": "bar",
        "x": list(range(1, len(pairs) + 1)),
        "y": list(percent),
        "customdata": [escape(pair) for pair in pairs],
        "text": [escape(pair) if i == highlighted else "" for i, pair in enumerate(pairs)],
        "textposition": "outside",
        "textangle": 0,
        "cliponaxis": False,
        "marker": {"color": [ACCENT if i == highlighted else ASH for i in range(len(pairs))]},
        "hovertemplate": "%{customdata}: rank %{x}, %{y:.1f} % confused<extra></extra>",
    }
    return make_figure(
        [bars],
        bargap=0.2,
        margin=MARGINS,
        xaxis={"title": {"text": "rank of the pair of classes"}, "range": [0.3, len(pairs) + 0.7]},
        yaxis={"title": {"text": "confused (%)"}},
    )


def class_predictions(options: Sequence[str], counts: Sequence[int]) -> Figure:
    """Draw how many students chose each option of a question."""
    labels = ["<br>".join(map(escape, wrap(option, 20))) for option in options]
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(counts),
        "y": labels,
        "texttemplate": "%{x}",
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": ACCENT},
        "hovertemplate": "%{y}: %{x}<extra></extra>",
    }
    # The numbers at the bars replace those of the axis. Few students do not fill it.
    numbers = {"range": [0, 1.1 * max(5, *counts)], "showticklabels": False, "showline": False, "zeroline": True}
    axis = {"showgrid": False, "ticks": ""}
    return make_figure(
        [bars],
        bargap=0.35,
        margin=MARGINS,
        xaxis={**axis, **numbers},
        yaxis={**axis, "type": "category", "autorange": "reversed"},
    )


def synthetic_figure(data: SyntheticData, result: SyntheticResult | None) -> Figure:
    """Draw the test points of the synthetic example, and proxies and decision regions if there is a result."""
    colors = [CLASS_COLORS[0], CLASS_COLORS[1]]
    points = [
        {
            "type": "scatter",
            "x": data.X_test[data.y_test == c, 0],
            "y": data.X_test[data.y_test == c, 1],
            "mode": "markers",
            "name": name,
            "marker": {"color": colors[c], "symbol": CLASS_SYMBOLS[c], "size": 6},
            "hovertemplate": f"{name}<extra></extra>",
        }
        for c, name in enumerate(NAMES)
    ]
    axis = {"showgrid": False, "zeroline": True, "constrain": "domain"}
    traces = points if result is None else _regions_and_proxies(result, points, colors)
    return make_figure(
        traces,
        xaxis={**axis, "range": EXTENT[0]},
        yaxis={**axis, "range": EXTENT[1], "scaleanchor": "x"},
        margin=MARGINS,
        legend=LEGEND,
    )


def _regions_and_proxies(result: SyntheticResult, points: list[Trace], colors: Sequence[str]) -> list[Trace]:
    """Put points between decision regions and proxies."""
    regions = {
        "type": "heatmap",
        "x": result.axes[0],
        "y": result.axes[1],
        "z": result.regions.astype(np.int8),
        "colorscale": [[0, faded(colors[0])], [0.5, faded(colors[0])], [0.5, faded(colors[1])], [1, faded(colors[1])]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hoverinfo": "skip",
    }
    proxies = {
        "type": "scatter",
        "x": result.proxies[:, 0],
        "y": result.proxies[:, 1],
        "mode": "markers",
        "name": "proxies",
        "marker": {
            "symbol": "star",
            # Different sizes keep overlapping proxies visible.
            "size": [26 if c == 0 else 14 for c in result.classes],
            "color": [colors[c] for c in result.classes],
            "line": {"width": 1.4, "color": THEME_TEXT},
        },
        "text": [NAMES[c] for c in result.classes],
        "hovertemplate": "proxy of: %{text}<extra></extra>",
    }
    return [regions, *points, proxies]


def name_classes(
    figure: Figure, positions: NDArray[np.float32], y: NDArray[np.integer], names: Sequence[str]
) -> Figure:
    """Replace the names on a map by those of the classes `y` at their median `positions` (n, 2)."""
    annotations = [
        {
            "x": x0,
            "y": y0,
            "text": f"<b>{escape(names[c])}</b>",
            "showarrow": False,
            "font": {"size": 16, "color": THEME_TEXT},
            "bgcolor": THEME_BACKGROUND,
            "opacity": 0.85,
        }
        for c, (x0, y0) in ((c, np.median(positions[y == c], axis=0)) for c in np.unique(y))
    ]
    return {**figure, "layout": {**figure["layout"], "annotations": annotations}}


def enlarge_names(figure: Figure, classes: Sequence[int]) -> Figure:
    """Write the names of some classes on a map in large type."""
    annotations = [
        {**label, "font": {**label["font"], "size": 22}} if int(label["name"]) in classes else label
        for label in figure["layout"]["annotations"]
    ]
    return {**figure, "layout": {**figure["layout"], "annotations": annotations}}
