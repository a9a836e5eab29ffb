"""Figures of the lessons: accuracy curves, predictions per class, the synthetic example, and class names on a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from imprint_core.evaluation.lesson_experiments import PredictionCounts
from imprint_core.evaluation.metrics import Summary
from imprint_core.evaluation.synthetic import EXTENT, NAMES, SyntheticData, SyntheticResult
from imprint_core.figures.charts import curve_chart, curve_traces
from imprint_core.figures.style import (
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


def curves(lines: Sequence[Line], xs: Sequence[int], title: str, elbow: int | None = None) -> go.Figure:
    """Draw accuracy curves on an axis over all `xs`, with a vertical line at `elbow`.

    Empty lines are not drawn; the others keep their colours.
    """
    traces = []
    for line, color in zip(lines, LINE_COLORS, strict=False):
        if line.xs:
            hover = f"{escape(line.name)}: %{{y:.1f}} %"
            traces += curve_traces(line.xs, line.runs, escape(line.name), hover, color, legendgroup=line.name)
    accuracies = [v for line in lines for r in line.runs for v in (r.low, r.high)]
    figure = curve_chart(traces, xs, title, title="accuracy (%)", range=_padded(accuracies))
    if figure.layout.xaxis.type != "log":
        figure.update_xaxes(range=[xs[0] - 0.5, xs[-1] + 0.5])
    if elbow is not None:
        figure.add_vline(x=elbow, line={"color": THEME_TEXT, "width": 1.2, "dash": "dot"})
    return figure


def _padded(values: Sequence[float]) -> tuple[float, float] | None:
    """Return a range with all values, at least `_MIN_RANGE` wide, so that the first point does not fill the figure."""
    if not values:
        return None
    low, high = min(values), max(values)
    pad = max(1.0, (_MIN_RANGE - (high - low)) / 2)
    return low - pad, high + pad


def predictions_by_length(counts: PredictionCounts, names: Sequence[str]) -> go.Figure:
    """Draw the number of test samples predicted as each class; `names` are in the order of `counts`."""
    labels = [f"{escape(name)}<br>{length:.1f}" for name, length in zip(names, counts.lengths, strict=True)]
    hover, figure = "%{y} test samples<extra></extra>", go.Figure()
    for predicted, name, color in (
        (counts.none, "predicted, NORM post none", CLASS_COLORS[6]),
        (counts.l2, "predicted, NORM post L2", CLASS_COLORS[0]),
    ):
        figure.add_bar(x=labels, y=predicted.tolist(), name=name, marker={"color": color}, hovertemplate=hover)
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=counts.true.tolist(),
            name="test samples of the class",
            mode="markers",
            marker={"symbol": "line-ew", "size": 26, "line": {"width": 2.5, "color": THEME_TEXT}},
            hovertemplate="%{y} of this class<extra></extra>",
        )
    )
    figure.update_layout(
        barmode="group",
        bargap=0.25,
        margin=MARGINS,
        legend=LEGEND,
        xaxis={"type": "category", "title": "class and length of its proxy", "tickangle": 0},
        yaxis={"title": "test samples"},
    )
    return figure


def synthetic_figure(data: SyntheticData, result: SyntheticResult) -> go.Figure:
    """Draw the test points and proxies of the synthetic example on its decision regions."""
    colors = [CLASS_COLORS[0], CLASS_COLORS[1]]
    figure = go.Figure(
        go.Heatmap(
            x=result.axes[0],
            y=result.axes[1],
            z=result.regions.astype(np.int8),
            colorscale=[[0, faded(colors[0])], [0.5, faded(colors[0])], [0.5, faded(colors[1])], [1, faded(colors[1])]],
            zmin=0,
            zmax=1,
            showscale=False,
            hoverinfo="skip",
        )
    )
    for c, name in enumerate(NAMES):
        points = data.X_test[data.y_test == c]
        figure.add_trace(
            go.Scatter(
                x=points[:, 0],
                y=points[:, 1],
                mode="markers",
                name=name,
                marker={"color": colors[c], "symbol": CLASS_SYMBOLS[c], "size": 6},
                hovertemplate=f"{name}<extra></extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=result.proxies[:, 0],
            y=result.proxies[:, 1],
            mode="markers",
            name="proxies",
            marker={
                "symbol": "star",
                # Different sizes keep overlapping proxies visible.
                "size": [26 if c == 0 else 14 for c in result.classes],
                "color": [colors[c] for c in result.classes],
                "line": {"width": 1.4, "color": THEME_TEXT},
            },
            text=[NAMES[c] for c in result.classes],
            hovertemplate="proxy of: %{text}<extra></extra>",
        )
    )
    axis = {"showgrid": False, "zeroline": True, "constrain": "domain"}
    figure.update_layout(
        xaxis={**axis, "range": EXTENT[0]},
        yaxis={**axis, "range": EXTENT[1], "scaleanchor": "x"},
        margin=MARGINS,
        legend=LEGEND,
    )
    return figure


def name_classes(
    figure: go.Figure,
    positions: NDArray[np.float32],
    y: NDArray[np.integer],
    names: Sequence[str],
    pair: tuple[int, int] | None = None,
) -> go.Figure:
    """Write names of the classes `y` at their median `positions` (n, 2) on a map, those of a pair larger."""
    for c in np.unique(y):
        x0, y0 = np.median(positions[y == c], axis=0)
        figure.add_annotation(
            x=float(x0),
            y=float(y0),
            text=f"<b>{escape(names[c])}</b>",
            showarrow=False,
            font={"size": 24 if pair and c in pair else 14, "color": THEME_TEXT},
            bgcolor=THEME_BACKGROUND,
            opacity=0.85,
        )
    return figure
