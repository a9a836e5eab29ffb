"""Figures of comparisons between recipes: ranks, and differences in points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.metrics import signed
from imprint_core.evaluation.ranking import Ranking
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import ACCENT, CURRENT, MARGINS, THEME_TEXT, escape, shortened


def critical_difference(labels: Sequence[str], ranking: Ranking) -> Figure:
    """Draw average ranks, best first, one row per method; bars at the right join methods without a difference.

    Follows Demšar (2006), rotated to make room for names. A dot on a bar marks each of its methods.
    """
    order = np.argsort(ranking.ranks, kind="stable")
    row = {int(method): i for i, method in enumerate(order)}
    methods = len(labels)
    traces: list[Trace] = [
        {
            "type": "scatter",
            "x": ranking.ranks[order].tolist(),
            "y": list(range(methods)),
            "mode": "markers+text",
            "name": "average rank",
            "text": [f"{ranking.ranks[m]:.2f}" for m in order],
            "textposition": "top center",
            "textfont": {"size": 11},
            "marker": {"size": 12, "color": ACCENT, "symbol": "diamond"},
            "customdata": [escape(labels[m]) for m in order],
            "hovertemplate": "%{customdata}: average rank %{x:.2f}<extra></extra>",
            "showlegend": False,
        }
    ]
    for lane, group in enumerate(ranking.groups):
        rows = [row[m] for m in group]
        names = ", ".join(escape(labels[m]) for m in group)
        traces.append(
            {
                "type": "scatter",
                "x": [methods + 0.45 + 0.3 * lane] * len(rows),
                "y": rows,
                "mode": "lines+markers",
                "line": {"width": 5, "color": CURRENT},
                "marker": {"size": 11, "color": CURRENT},
                "name": "not significantly different",
                "legendgroup": "tied",
                "showlegend": lane == 0,
                "hovertemplate": f"not significantly different: {names}<extra></extra>",
            }
        )
    return make_figure(
        traces,
        xaxis={
            "title": {"text": "average rank (1 is best)"},
            "range": [0.6, methods + 0.7 + 0.3 * len(ranking.groups)],
            "tickvals": list(range(1, methods + 1)),
            "side": "top",
        },
        yaxis={
            "tickvals": list(range(methods)),
            "ticktext": [escape(shortened(labels[m], 34)) for m in order],
            "range": [methods - 0.5, -0.75],
        },
        margin=MARGINS,
        legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 1, "xanchor": "right", "font": {"size": 11}},
        hovermode="closest",
    )


def differences(
    labels: Sequence[str], values: NDArray[np.float64], hover: Sequence[str], better: str, worse: str
) -> Figure:
    """Draw differences in points as bars, the largest on top; above 0 `better` is better, below 0 `worse`."""
    order = np.argsort(values, kind="stable")
    bars: Trace = {
        "type": "bar",
        "x": values[order].tolist(),
        "y": list(range(len(order))),
        "orientation": "h",
        "marker": {"color": [ACCENT if values[i] >= 0 else CURRENT for i in order]},
        "customdata": [escape(hover[i]) for i in order],
        "hovertemplate": "%{customdata}<extra></extra>",
        "textposition": "outside",
        "cliponaxis": False,
        "showlegend": False,
    }
    if len(order) <= 24:
        bars["text"] = [signed(values[i]) for i in order]
    span = max(float(np.abs(values).max(initial=0.0)), 0.5)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    return make_figure(
        [bars],
        xaxis={
            "title": {"text": f"points: ← {escape(worse)} better · {escape(better)} better →"},
            "zeroline": True,
            "zerolinecolor": THEME_TEXT,
            # Grid lines would cross the values beside the bars.
            "showgrid": False,
            "range": [low - 0.35 * span, high + 0.3 * span],
        },
        yaxis={
            "showgrid": False,
            "tickvals": list(range(len(order))) if len(order) <= 40 else [],
            "ticktext": [escape(shortened(labels[i], 30)) for i in order] if len(order) <= 40 else [],
        },
        margin=MARGINS,
        bargap=0.3,
    )
