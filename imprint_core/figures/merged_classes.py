"""Accuracy over k and NC1 of merged classes ("d in 1"), with published curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import curve_traces, nc1_line, nc1_range, percent_axis, suggestion_mark
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import CURRENT_SYMBOL, CURVE_LAYOUT, CURVE_SYMBOLS, GREY, LEGEND, SEQUENCE, THEME_TEXT


class PublishedCurve(NamedTuple):
    """A curve of the paper: label of the FM and values at 1, 2, 3, …."""

    name: str
    values: tuple[float, ...]

    @property
    def xs(self) -> list[int]:
        """Where the values are."""
        return list(range(1, len(self.values) + 1))


def merged_color(d: int, largest_d: int) -> str:
    """Return the colour of "d in 1" as #rrggbb."""
    steps = np.linspace(0, 1, len(SEQUENCE))
    channels = np.array([[int(color[i : i + 2], 16) for color in SEQUENCE] for i in (1, 3, 5)])
    position = (d - 1) / max(1, largest_d - 1)
    return "#" + "".join(f"{round(np.interp(position, steps, channel)):02x}" for channel in channels)


def accuracy_by_d(
    ks: Sequence[int],
    curves: Mapping[int, Sequence[Summary]],
    largest_d: int,
    published: Mapping[int, PublishedCurve],
    suggested: Mapping[int, int],
) -> Figure:
    """Draw accuracy over k, one curve for each d of "d in 1" (paper, Figure 11b).

    `curves`, `published` and `suggested` are by d: accuracy at each k over draws in percent, the paper's curve, and
    the suggested k. `largest_d` determines the colours.
    """
    traces: list[Trace] = []
    colors = {d: merged_color(d, largest_d) for d in {*curves, *published}}
    for d, runs in curves.items():
        name, hover = f"{d}" if d > 1 else "d = 1", f"{d} in 1, k = %{{x}}: %{{y:.1f}} %"
        traces += curve_traces(ks, runs, name, hover, colors[d], "draws", legendgroup=f"{d}")
        traces[-1]["marker"]["symbol"] = CURVE_SYMBOLS[(d - 1) % len(CURVE_SYMBOLS)]
    for d, curve in published.items():
        traces.append(
            {
                "type": "scatter",
                "x": curve.xs,
                "y": list(curve.values),
                "mode": "lines",
                "line": {"color": colors[d], "width": 1.5, "dash": "dot"},
                "legendgroup": f"{d}",
                "showlegend": False,
                "hovertemplate": f"{curve.name}, published, {d} in 1, k = %{{x}}: %{{y:.1f}} %<extra></extra>",
            }
        )
    diagonal = {d: curves[d][list(ks).index(d)].median for d in curves if d in ks}
    if diagonal:
        traces.append(
            {
                "type": "scatter",
                "x": list(diagonal),
                "y": list(diagonal.values()),
                "mode": "markers",
                "name": "k = d",
                "showlegend": False,
                "marker": {
                    "symbol": CURRENT_SYMBOL,
                    "size": 11,
                    "color": [colors[d] for d in diagonal],
                    "line": {"width": 1.5, "color": THEME_TEXT},
                },
                "hovertemplate": "k = d = %{x}: %{y:.1f} %<extra></extra>",
            }
        )
    marked = [d for d in suggested if d in curves]
    if marked:
        accuracy = [curves[d][list(ks).index(suggested[d])].median for d in marked]
        traces.append(suggestion_mark([suggested[d] for d in marked], accuracy))
        # In the colours of their curves, because curves cross.
        traces[-1]["marker"]["color"] = [colors[d] for d in marked]
    layout = {**CURVE_LAYOUT, "legend": {**LEGEND, "traceorder": "normal", "entrywidth": 32}}
    return make_figure(
        traces,
        **layout,
        xaxis={"title": {"text": "proxies per class, k"}, "dtick": 1, "range": [0.5, max(ks) + 0.5]},
        yaxis=percent_axis(),
    )


def nc1_by_d(runs: Mapping[int, Summary], published: PublishedCurve | None, largest_d: int) -> Figure:
    """Draw NC1 over d of "d in 1" (paper, Figure 11a), with published values and the line NC1 = 1."""
    ds, values = list(runs), [run.high for run in runs.values()]
    traces = curve_traces(ds, list(runs.values()), "NC1", "NC1 %{y:.2f} (d in 1)", over="draws")
    if published is not None:
        values += published.values
        traces.append(
            {
                "type": "scatter",
                "x": published.xs,
                "y": list(published.values),
                "mode": "lines+markers",
                "name": f"{published.name}, published",
                "line": {"color": GREY, "dash": "dot", "width": 1.5},
                "marker": {"symbol": "square-open", "size": 7},
                "hovertemplate": f"{published.name}, with NC1 as published, %{{x}} in 1: %{{y:.2f}}<extra></extra>",
            }
        )
    traces.append(nc1_line([1, max(largest_d, 2)]))
    return make_figure(
        traces,
        **CURVE_LAYOUT,
        xaxis={
            "title": {"text": "classes merged into one, d"},
            "dtick": 1,
            "range": [0.6, max(largest_d, 2) + 0.4],
        },
        yaxis={"title": {"text": "NC1"}, "range": nc1_range(values)},
    )
