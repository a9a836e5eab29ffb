"""Charts of accuracy, NC1, confusion and proxy similarities: data in, Plotly figure out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.evaluation.metrics import Summary, signed
from imprint_core.figures.plotly_json import Figure, Trace, make_figure
from imprint_core.figures.style import (
    ACCENT,
    CURRENT,
    CURRENT_SYMBOL,
    CURVE_LAYOUT,
    FEW_CLASSES,
    MARGINS,
    MATRIX_FULL,
    THEME_BACKGROUND,
    THEME_TEXT,
    escape,
    faded,
    shortened,
)

if TYPE_CHECKING:
    from imprint_core.framework.selection import Candidate
    from imprint_core.recognition.calibration import Bins

ACCURACY_AXIS = "accuracy (%)"
"""Title of the axes of accuracy, which end at 0 and 100 %."""


def accuracy_over_k(
    ks: Sequence[int],
    runs: Sequence[Summary],
    method: str,
    current: tuple[int, Summary, str] | None,
    levels: Sequence[tuple[str, Summary]],
    suggested: int | None = None,
) -> Figure:
    """Accuracy in percent over the number of proxies per class.

    `method` is the label of the curve's GEN method. `current` is the current k's position on the axis, its accuracy and
    its label; None if the current method has no k. `levels` are labels and accuracies of at most two methods without k,
    drawn as horizontal lines. `suggested` is the suggested k, one of `ks`.
    """
    traces = curve_traces(ks, runs, method, "accuracy %{y:.1f} %")
    for (label, level), dash in zip(levels, ("dot", "dashdot"), strict=False):
        traces.append(level_line(across(ks), level.median, label, f"{escape(label)}: {level.median:.1f} %", dash))
    if suggested is not None:
        traces.append(suggestion_mark([suggested], [runs[list(ks).index(suggested)].median]))
    if current is not None:
        traces.append(mark(*current, " %"))
    return curve_chart(traces, ks, "proxies per class, k", ACCURACY_AXIS)


def nc1_curve(
    xs: Sequence[int], runs: Sequence[Summary], name: str, x_title: str, marked: tuple[int, Summary, str] | None
) -> Figure:
    """NC1 over a number, with the line NC1 = 1 and a marked point: its x, NC1 and label."""
    traces = [*curve_traces(xs, runs, name, "NC1 %{y:.2f}"), nc1_line(across(xs))]
    if marked is not None:
        traces.append(mark(*marked, ""))
    return curve_chart(traces, xs, x_title, "NC1", nc1_range([run.high for run in runs], 1.08))


def confusion_matrix(percent: NDArray[np.float64], names: Sequence[str]) -> Figure:
    """Confusion matrix (C, C) in percent of each true class; rows are true classes."""
    few = len(names) <= FEW_CLASSES
    labels = _distinct([escape(n) for n in names])
    short = [escape(shortened(n)) for n in names]
    cells: Trace = {
        "type": "heatmap",
        "z": percent.astype(np.float32),
        "x": labels,
        "y": labels,
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, THEME_BACKGROUND], [1, MATRIX_FULL]],
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "true %{y}, predicted %{x}: %{z:.1f} % of the true class<extra></extra>",
        "colorbar": {"title": {"text": "%"}, "thickness": 10, "outlinewidth": 0, "len": 0.9},
        "showscale": not few,
    }
    if few:
        cells["texttemplate"] = "%{z:.0f}"
    axis = {
        "type": "category",
        "showgrid": False,
        "showticklabels": few,
        "ticks": "",
        # Hover texts have the full names.
        "tickvals": labels,
        "ticktext": short,
    }
    tick_angle = 0 if max(map(len, short)) < 3 else -40
    return make_figure(
        [cells],
        xaxis={**axis, "title": {"text": "predicted class"}, "tickangle": tick_angle},
        yaxis={**axis, "title": {"text": "true class"}, "autorange": "reversed"},
        margin=MARGINS,
    )


def log_loss_over_k(tried: Sequence[Candidate], selected: int) -> Figure:
    """Validated log-loss of each k with two standard errors of its difference from k = 1, which is the first.

    A k that was not validated in all folds is drawn at its difference in those that it was.
    """
    ks = [each.k for each in tried]
    losses = [tried[0].loss - each.gain for each in tried]
    runs = [
        Summary(loss, loss - each.error, loss + each.error, each.folds)
        for loss, each in zip(losses, tried, strict=True)
    ]
    traces = curve_traces(ks, runs, "log-loss of held-out shots", "", legendgroup="loss")
    traces[-1] |= {
        "customdata": [
            [f"{signed(-each.gain, 3)} ± {each.error:.3f} from k = 1, {each.folds} fold{'s' * (each.folds > 1)}"]
            for each in tried
        ],
        "hovertemplate": "k = %{x}: %{y:.3f}<br>%{customdata[0]}<extra></extra>",
    }
    traces.append(level_line(across(ks), losses[0], "k = 1", f"k = 1: {losses[0]:.3f}"))
    traces.append(mark(selected, runs[ks.index(selected)], f"selected: k = {selected}", ""))
    bottom, top = min(run.low for run in runs), max(run.high for run in runs)
    pad = 0.06 * (top - bottom) or 0.1
    figure = curve_chart(traces, ks, "proxies per class, k", "log-loss", [bottom - pad, top + pad])
    # A logarithmic axis already has a range.
    figure["layout"]["xaxis"].setdefault("range", [ks[0] - 0.5, ks[-1] + 0.5])
    figure["layout"]["xaxis"]["tickvals"] = ks
    return figure


def reliability_diagram(bins: Bins) -> Figure:
    """Accuracy of predictions over their mean probability in each bin, above the number of predictions."""
    used = np.flatnonzero(bins.sizes)
    edges = 100 * np.arange(len(bins.sizes) + 1) / len(bins.sizes)
    spans = [f"{edges[b]:.3g} to {edges[b + 1]:.3g} %" for b in used]
    probability, accuracy, sizes = 100 * bins.probability[used], 100 * bins.accuracy[used], bins.sizes[used]
    diagonal: Trace = {
        "type": "scatter",
        "x": [0, 100],
        "y": [0, 100],
        "mode": "lines",
        "name": "accuracy = probability",
        "line": {"color": THEME_TEXT, "width": 1.2, "dash": "dot"},
        "hoverinfo": "skip",
    }
    curve: Trace = {
        "type": "scatter",
        "x": probability.tolist(),
        "y": accuracy.tolist(),
        "customdata": [[span, f"{size:,}"] for span, size in zip(spans, sizes, strict=True)],
        "mode": "lines+markers",
        "name": "predictions",
        "line": {"color": ACCENT, "width": 2},
        "marker": {"size": 8},
        "cliponaxis": False,
        "hovertemplate": "probability %{customdata[0]}, mean %{x:.1f} %: %{y:.1f} % of %{customdata[1]} predictions "
        "are correct<extra></extra>",
    }
    counts: Trace = {
        "type": "bar",
        "x": ((edges[used] + edges[used + 1]) / 2).tolist(),
        "y": sizes.tolist(),
        "width": 0.9 * edges[1],
        "text": [f"{size:,}" if size < 10_000 else f"{size / 1000:.0f}k" for size in sizes],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": spans,
        "marker": {"color": faded(ACCENT, 0.5)},
        "name": "number",
        "showlegend": False,
        "xaxis": "x",
        "yaxis": "y2",
        "hovertemplate": "probability %{customdata}: %{y:,} predictions<extra></extra>",
    }
    return make_figure(
        [diagonal, curve, counts],
        **{**CURVE_LAYOUT, "margin": {**MARGINS, "r": 18}},
        xaxis={
            "title": {"text": "probability of the predicted class (%)"},
            "range": [0, 100],
            "tickvals": [0, 20, 40, 60, 80, 100],
            "anchor": "y2",
        },
        yaxis={"title": {"text": ACCURACY_AXIS}, "range": [0, 100], "domain": [0.34, 1]},
        yaxis2={
            "title": {"text": "predictions"},
            "domain": [0, 0.2],
            "range": [0, 1.3 * int(sizes.max(initial=1))],
            "showticklabels": False,
            "showgrid": False,
        },
    )


def curve_traces(
    xs: Sequence[float],
    runs: Sequence[Summary],
    name: str,
    hover: str,
    color: str = ACCENT,
    over: str = "seeds",
    **group: Any,
) -> list[Trace]:
    """Band from the lowest to the highest run, if runs differ, and median line.

    `hover` is the hover template of y, `color` is #rrggbb, `over` is a plural noun for the runs, and `group` are
    further properties of both traces, such as their legend group.
    """
    varies = any(r.low < r.high for r in runs)
    traces: list[Trace] = []
    if varies and len(xs) > 1:
        traces.append(
            {
                "type": "scatter",
                "x": [*xs, *reversed(xs)],
                "y": [*(r.high for r in runs), *(r.low for r in reversed(runs))],
                "fill": "toself",
                "fillcolor": faded(color),
                "mode": "lines",
                "line": {"width": 0},
                "hoverinfo": "skip",
                "name": "range",
                **group,
                **({"showlegend": False} if group else {}),
            }
        )
    traces.append(
        {
            "type": "scatter",
            "x": list(xs),
            "y": [r.median for r in runs],
            "customdata": [(r.low, r.high, r.runs, f"{r.runs} {over}" if r.runs > 1 else "1 draw") for r in runs],
            "mode": "lines+markers",
            "name": name,
            "line": {"color": color, "width": 2},
            "marker": {"size": 6},
            # Markers at the end of an axis, such as 100 %, are whole.
            "cliponaxis": False,
            # A band needs two points to be visible.
            "error_y": {**error_bars(runs), "visible": varies and len(xs) == 1},
            "hovertemplate": "%{x}: " + hover + "<br>%{customdata[0]:.2f} to %{customdata[1]:.2f} over "
            "%{customdata[3]}<extra></extra>",
            **group,
        }
    )
    return traces


def error_bars(runs: Sequence[Summary], **style: float) -> dict[str, Any]:
    """Error bars from the lowest to the highest run, visible if runs differ."""
    return {
        "visible": any(r.low < r.high for r in runs),
        "symmetric": False,
        "array": [r.high - r.median for r in runs],
        "arrayminus": [r.median - r.low for r in runs],
        **style,
    }


def nc1_range(values: Sequence[float], headroom: float = 1.1) -> list[float]:
    """Range of an NC1 axis: from 0 to the largest finite value, at least to NC1 = 1."""
    return [0, headroom * max([1.0, *finite(values)])]


def finite(values: Sequence[float]) -> list[float]:
    """The finite values."""
    return [v for v in values if np.isfinite(v)]


def log_ticks(low: float, high: float, steps: Sequence[int] = (1, 2, 5)) -> dict[str, Any]:
    """Tick marks of a logarithmic axis as plain numbers."""
    ticks = [a * 10.0**e for e in range(-6, 9) for a in steps if low <= a * 10.0**e <= high]
    return {"tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}


def across(xs: Sequence[float]) -> list[float]:
    """Ends of a horizontal line across the chart; a single point gets some width."""
    return [min(xs), max(xs)] if len(xs) > 1 else [xs[0] - 0.5, xs[0] + 0.5]


def level_line(xs: Sequence[Any], y: float, name: str, hover: str, dash: str = "dot") -> Trace:
    """Horizontal line, dotted by default."""
    return {
        "type": "scatter",
        "x": xs,
        "y": [y] * len(xs),
        "mode": "lines",
        "name": name,
        "line": {"color": THEME_TEXT, "width": 1.2, "dash": dash},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def nc1_line(xs: Sequence[Any]) -> Trace:
    """The line NC1 = 1."""
    return level_line(list(xs), 1, "NC1 = 1", "NC1 = 1: classes vary about as much within as between")


def mark(x: float, run: Summary, name: str, unit: str) -> Trace:
    """Marker of the current choice on a curve."""
    return {
        "type": "scatter",
        "x": [x],
        "y": [run.median],
        "mode": "markers",
        "name": name,
        "cliponaxis": False,
        "marker": {
            "color": CURRENT,
            "size": 13,
            "symbol": CURRENT_SYMBOL,
            "line": {"width": 1.5, "color": THEME_BACKGROUND},
        },
        "hovertemplate": f"current, {name}: {run.median:.2f}{unit}<extra></extra>",
    }


def suggestion_mark(ks: Sequence[int], values: Sequence[float], hover: str = "suggested k = %{x}: %{y:.1f} %") -> Trace:
    """Markers of the suggested k of curves; the caption explains them, because a longer legend shrinks the plot."""
    return {
        "type": "scatter",
        "x": list(ks),
        "y": list(values),
        "mode": "markers",
        "name": "suggested k",
        "showlegend": False,
        "cliponaxis": False,
        "marker": {"symbol": "circle-open", "size": 15, "color": THEME_TEXT, "line": {"width": 2}},
        "hovertemplate": f"{hover}<extra></extra>",
    }


def curve_chart(
    traces: Sequence[Trace], xs: Sequence[float], x_title: str, y_title: str, y_range: Sequence[float] | None = None
) -> Figure:
    """Chart of curves over `xs`; values with a wide range get a logarithmic axis with plain numbers."""
    axis: dict[str, Any] = {"title": {"text": x_title}}
    if len(xs) == 1:
        axis["tickvals"] = list(xs)
    if max(xs) / min(xs) > 5:
        lo, hi = np.log10(min(xs)), np.log10(max(xs))
        ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if min(xs) <= t <= max(xs)]
        pad = 0.04 * (hi - lo)
        axis |= {"type": "log", "tickvals": ticks, "range": [lo - pad, hi + pad]}
    y_axis: dict[str, Any] = percent_axis() if y_title == ACCURACY_AXIS else {"title": {"text": y_title}}
    if y_range is not None:
        y_axis["range"] = y_range
    return make_figure(traces, **CURVE_LAYOUT, xaxis=axis, yaxis=y_axis)


def percent_axis() -> dict[str, Any]:
    """Axis of accuracy in percent."""
    return {"title": {"text": ACCURACY_AXIS}, "autorangeoptions": {"clipmin": 0, "clipmax": 100}}


def _distinct(labels: Sequence[str]) -> list[str]:
    """Make labels unique, so that each is a category: repeated ones get invisible characters."""
    counts: Counter[str] = Counter()
    distinct = []
    for label in labels:
        distinct.append(label + "\u2060" * counts[label])
        counts[label] += 1
    return distinct
