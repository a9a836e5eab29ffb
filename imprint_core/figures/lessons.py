"""Figures of the lessons: accuracy curves, predictions per class, the synthetic example, and class names on a map."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import Summary
from imprint_core.evaluation.synthetic import EXTENT, NAMES, SyntheticData, SyntheticResult
from imprint_core.figures.charts import ACCURACY_AXIS, curve_chart, curve_traces
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import (
    ACCENT,
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

# Smallest range of an accuracy axis, in points.
_MIN_RANGE = 20.0


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
    if elbow is not None:
        ends = {"x0": elbow, "x1": elbow, "y0": 0, "y1": 1, "xref": "x", "yref": "y domain"}
        figure["layout"]["shapes"] = [
            {"type": "line", **ends, "line": {"color": THEME_TEXT, "width": 1.2, "dash": "dot"}}
        ]
    return figure


def _padded(values: Sequence[float]) -> tuple[float, float] | None:
    """Return a range with all values in percent, at least `_MIN_RANGE` wide if it does not end at 0 or 100 before.

    So the first point does not fill the figure.
    """
    if not values:
        return None
    low, high = min(values), max(values)
    pad = max(1.0, (_MIN_RANGE - (high - low)) / 2)
    return max(low - pad, 0.0), min(high + pad, 100.0)


def predictions_by_length(counts: PredictionCounts, names: Sequence[str]) -> Figure:
    """Draw the number of test samples predicted as each class; `names` are in the order of `counts`."""
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
        for predicted, name, color in (
            (counts.none, "predicted, NORM post none", CLASS_COLORS[6]),
            (counts.l2, "predicted, NORM post L2", CLASS_COLORS[0]),
        )
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


def synthetic_figure(data: SyntheticData, result: SyntheticResult) -> Figure:
    """Draw the test points and proxies of the synthetic example on its decision regions."""
    colors = [CLASS_COLORS[0], CLASS_COLORS[1]]
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
    axis = {"showgrid": False, "zeroline": True, "constrain": "domain"}
    return make_figure(
        [regions, *points, proxies],
        xaxis={**axis, "range": EXTENT[0]},
        yaxis={**axis, "range": EXTENT[1], "scaleanchor": "x"},
        margin=MARGINS,
        legend=LEGEND,
    )


def name_classes(
    figure: Figure,
    positions: NDArray[np.float32],
    y: NDArray[np.integer],
    names: Sequence[str],
    pair: tuple[int, int] | None = None,
) -> Figure:
    """Add names of the classes `y` at their median `positions` (n, 2) to a map, those of a pair larger."""
    centers = {c: np.median(positions[y == c], axis=0) for c in np.unique(y)}
    annotations = [
        {
            "x": x0,
            "y": y0,
            "text": f"<b>{escape(names[c])}</b>",
            "showarrow": False,
            "font": {"size": 24 if pair and c in pair else 14, "color": THEME_TEXT},
            "bgcolor": THEME_BACKGROUND,
            "opacity": 0.85,
        }
        for c, (x0, y0) in centers.items()
    ]
    return {**figure, "layout": {**figure["layout"], "annotations": annotations}}
