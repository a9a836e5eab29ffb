"""The pictures that lessons alone have: data in, Plotly figure out (see `figures`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from imprint_core.evaluation.lesson_experiments import Wins
from imprint_core.evaluation.metrics import Summary
from imprint_core.evaluation.synthetic import EXTENT, NAMES, Toy, ToyRun
from imprint_core.figures.charts import curve_traces, plain_axis
from imprint_core.figures.style import (
    CLASS_COLORS,
    CLASS_SYMBOLS,
    LINE_COLORS,
    MARGINS,
    THEME_BACKGROUND,
    THEME_TEXT,
    escape,
    faded,
)

_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
# Points of accuracy that an axis shows at least.
_LEAST = 20.0


class Line(NamedTuple):
    """Accuracy over something.

    Attributes
    ----------
    name : str
    xs : sequence of int
    runs : sequence of Summary
        At each x, over seeds.
    """

    name: str
    xs: Sequence[int]
    runs: Sequence[Summary]


def curves(lines: Sequence[Line], span: Sequence[int], title: str, bend: int | None = None) -> go.Figure:
    """Accuracy curves.

    Parameters
    ----------
    lines : sequence of Line
        Those without a point yet are left out, and keep their colours.
    span : sequence of int
        What the axis shows, whatever points there are.
    title : str
        Of that axis.
    bend : int, optional
        Where a line is drawn from top to bottom.
    """
    figure = go.Figure()
    for line, color in zip(lines, LINE_COLORS, strict=False):
        if line.xs:
            hover = f"{escape(line.name)}: %{{y:.1f}} %"
            group = {"legendgroup": line.name}
            figure.add_traces(curve_traces(line.xs, line.runs, escape(line.name), hover, color, **group))
    plain_axis(figure, span, title)
    if figure.layout.xaxis.type != "log":
        figure.update_xaxes(range=[span[0] - 0.5, span[-1] + 0.5])
    if bend is not None:
        figure.add_vline(x=bend, line={"color": THEME_TEXT, "width": 1.2, "dash": "dot"})
    figure.update_yaxes(
        title="accuracy (%)", range=_padded([v for line in lines for r in line.runs for v in (r.low, r.high)])
    )
    return figure


def _padded(values: Sequence[float]) -> tuple[float, float] | None:
    """A range with all values; not narrower than `_LEAST`, so that a first point's seeds don't fill the picture."""
    if not values:
        return None
    low, high = min(values), max(values)
    pad = max(1.0, (_LEAST - (high - low)) / 2)
    return low - pad, high + pad


def wins_by_length(found: Wins, names: Sequence[str]) -> go.Figure:
    """What each class's proxy wins, those of the longest proxies first; `names` are in that order."""
    labels = [f"{escape(name)}<br>{length:.1f}" for name, length in zip(names, found.lengths, strict=True)]
    hover, figure = "%{y} test samples<extra></extra>", go.Figure()
    for won, name, color in (
        (found.none, "NORM post none", CLASS_COLORS[6]),
        (found.l2, "NORM post L2", CLASS_COLORS[0]),
    ):
        figure.add_bar(x=labels, y=won.tolist(), name=name, marker={"color": color}, hovertemplate=hover)
    figure.add_trace(
        go.Scatter(
            x=labels,
            y=found.true.tolist(),
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
        legend=_LEGEND,
        xaxis={"type": "category", "title": "class, and the length of its proxy", "tickangle": 0},
        yaxis={"title": "test samples won"},
    )
    return figure


def toy_picture(toy: Toy, run: ToyRun) -> go.Figure:
    """The toy's test points and proxies on its decision regions."""
    colors = [CLASS_COLORS[0], CLASS_COLORS[1]]
    figure = go.Figure(
        go.Heatmap(
            x=run.axes[0],
            y=run.axes[1],
            z=run.regions.astype(np.int8),
            colorscale=[[0, faded(colors[0])], [0.5, faded(colors[0])], [0.5, faded(colors[1])], [1, faded(colors[1])]],
            zmin=0,
            zmax=1,
            showscale=False,
            hoverinfo="skip",
        )
    )
    for c, name in enumerate(NAMES):
        own = toy.X_test[toy.y_test == c]
        figure.add_trace(
            go.Scatter(
                x=own[:, 0],
                y=own[:, 1],
                mode="markers",
                name=name,
                marker={"color": colors[c], "symbol": CLASS_SYMBOLS[c], "size": 6},
                hovertemplate=f"{name}<extra></extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=run.proxies[:, 0],
            y=run.proxies[:, 1],
            mode="markers",
            name="proxies",
            marker={
                "symbol": "star",
                # One on top of another is still seen.
                "size": [26 if c == 0 else 14 for c in run.classes],
                "color": [colors[c] for c in run.classes],
                "line": {"width": 1.4, "color": THEME_TEXT},
            },
            text=[NAMES[c] for c in run.classes],
            hovertemplate="proxy of: %{text}<extra></extra>",
        )
    )
    axis = {"showgrid": False, "zeroline": True, "constrain": "domain"}
    figure.update_layout(
        xaxis={**axis, "range": EXTENT[0]},
        yaxis={**axis, "range": EXTENT[1], "scaleanchor": "x"},
        margin=MARGINS,
        legend=_LEGEND,
    )
    return figure


def name_classes(
    figure: go.Figure,
    positions: NDArray[np.float32],
    y: NDArray[np.integer],
    names: Sequence[str],
    pair: tuple[int, int] | None = None,
) -> go.Figure:
    """Write classes' names on a map, where the middle of each is; of a pair larger.

    Parameters
    ----------
    figure : Figure
        Of `map_figures.base_map`.
    positions : ndarray of shape (n, 2)
    y : ndarray of shape (n,)
    names : sequence of str
        By class number.
    pair : (int, int), optional
    """
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
