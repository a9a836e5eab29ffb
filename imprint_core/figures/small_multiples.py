"""Small multiples of curves, and the symbols of their legend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import across, curve_chart, curve_traces, log_ticks, mark
from imprint_core.figures.plotly_json import Figure, Trace
from imprint_core.figures.style import (
    CURRENT,
    CURRENT_SYMBOL,
    CURVE_DASHES,
    CURVE_SYMBOLS,
    GREY,
    THEME_BACKGROUND,
    class_color,
    escape,
)
from imprint_core.sweeps.run_measures import MEASURES

_STROKES = {"solid": "none", "dash": "6 4", "dashdot": "6 3 1 3", "longdash": "10 4", "dot": "2 3"}
# Plotly's symbols as SVG paths with their centre at the origin.
_SHAPES = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "square": "M-4-4h8v8h-8z",
    "diamond": "M0-5L5 0L0 5L-5 0z",
    "cross": "M-4.5-1.5h3v-3h3v3h3v3h-3v3h-3v-3h-3z",
    "x": "M-4.2-2.1L-2.1-4.2L0-2.1L2.1-4.2L4.2-2.1L2.1 0L4.2 2.1L2.1 4.2L0 2.1L-2.1 4.2L-4.2 2.1L-2.1 0z",
    "triangle-up": "M0-4.8L4.8 3.6H-4.8z",
    "triangle-down": "M0 4.8L4.8-3.6H-4.8z",
    "pentagon": "M0-4.8L4.6-1.5L2.8 3.9H-2.8L-4.6-1.5z",
    "hexagon": "M4.2-2.4V2.4L0 4.8L-4.2 2.4V-2.4L0-4.8z",
    "triangle-left": "M-4.8 0L3.6-4.8V4.8z",
}
# Limits and labels of a logarithmic axis.
_ROUND = tuple(a * 10.0**e for e in range(-6, 9) for a in (1, 2, 5))


@dataclass(frozen=True)
class Axis:
    """A parameter on the x axis: an entry of `AXES`; the symbol as in "k = 5"."""

    label: str
    symbol: str
    title: str


AXES: dict[str, Axis] = {
    "k": Axis("k", "k", "proxies per class, k"),
    "n": Axis("n-shot", "n", "shots per class, n"),
    "lam": Axis("λ", "λ", "λ of least squares"),
}


@dataclass(frozen=True)
class Style:
    """Colour, dash and symbol of a curve: curves never differ by colour alone."""

    color: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class Curve:
    """A curve of a panel: runs at ascending xs; a flat curve has the ends of the panel's axis as xs."""

    name: str
    style: Style
    xs: tuple[float, ...]
    runs: tuple[Summary, ...]
    flat: bool = False


@dataclass(frozen=True)
class PublishedCurve:
    """A curve of the paper; NaN for a missing point."""

    name: str
    style: Style
    xs: tuple[int, ...]
    values: tuple[float, ...]


# The current selection, as `charts.mark` draws it.
CURRENT_STYLE = Style(CURRENT, "", CURRENT_SYMBOL)


def curve_style(i: int) -> Style:
    """The style of curve number `i`; the first ninety differ in colour or symbol."""
    return Style(class_color(i), CURVE_DASHES[i % len(CURVE_DASHES)], CURVE_SYMBOLS[i % len(CURVE_SYMBOLS)])


def published_style(i: int) -> Style:
    """The style of published curve number `i`."""
    return Style(GREY, "dot", f"{CURVE_SYMBOLS[i]}-open")


def legend_symbol(style: Style) -> str:
    """The symbol of a curve in a legend, as SVG."""
    line = (
        f'<path d="M0 8H36" stroke="{style.color}" stroke-width="2" stroke-dasharray="{_STROKES[style.dash]}"/>'
        if style.dash
        else ""
    )
    hollow = style.symbol.endswith("-open")
    shape, fill = _SHAPES[style.symbol.removesuffix("-open")], "none" if hollow else style.color
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="36" height="16" viewBox="0 0 36 16">{line}'
        f'<path transform="translate(18 8)" d="{shape}" fill="{fill}" stroke="{style.color}"/></svg>'
    )


def shared_range(measure: str, values: Iterable[float]) -> tuple[float, float]:
    """A range of y for all panels, in coarse steps, so that it seldom changes while points are added."""
    finite = [v for v in values if math.isfinite(v)]
    if MEASURES[measure].log:
        positive = [v for v in finite if v > 0] or [1.0]
        below = [_ROUND[0], *(v for v in _ROUND if v < min(positive))]
        above = [*(v for v in _ROUND if v > max(positive)), _ROUND[-1]]
        return below[-1], above[0]
    if MEASURES[measure].unit != " %":
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        step = 10.0 ** math.floor(math.log10(high - low or abs(high) or 1.0))
        return step * (math.ceil(low / step) - 1), step * (math.floor(high / step) + 1)
    if not finite:
        return 0.0, 100.0
    low, high = 5 * math.floor((min(finite) - 0.5) / 5), 5 * math.ceil((max(finite) + 0.5) / 5)
    return float(max(low, 0)), float(min(high, 100))


def panel(
    curves: Sequence[Curve],
    published: Sequence[PublishedCurve],
    measure: str,
    axis: str,
    xs: Sequence[float],
    ys: tuple[float, float],
    current: tuple[float, Summary, str] | None = None,
) -> Figure:
    """Draw one of several panels of curves, without a legend.

    `xs` are all x of every panel, ascending; `ys` is the range of y of every panel. `current` is the x of the current
    selection, its value and its label.
    """
    curve_parts = [_traces(curve, measure, axis) for curve in curves]
    symbol, unit = AXES[axis].symbol, MEASURES[measure].unit
    # Bands below all lines.
    traces = [band for *bands, _ in curve_parts for band in bands] + [line for *_, line in curve_parts]
    traces += [
        {
            "type": "scatter",
            "x": list(curve.xs),
            "y": list(curve.values),
            "mode": "lines+markers",
            "name": curve.name,
            "line": {"color": curve.style.color, "width": 1.5, "dash": curve.style.dash},
            "marker": {"symbol": curve.style.symbol, "size": 7},
            "cliponaxis": False,
            "hovertemplate": f"{escape(curve.name)}, published<br>{symbol} = %{{x}}: %{{y:.1f}}{unit}<extra></extra>",
        }
        for curve in published
    ]
    if current is not None:
        traces.append(mark(*current, unit))
    label = MEASURES[measure].label + (f" ({unit.strip()})" if unit else "")
    figure = curve_chart(traces, xs or (1,), AXES[axis].title, label, ys)
    layout = figure["layout"]
    layout |= {"showlegend": False, "uirevision": f"{measure} over {axis}"}
    if axis == "lam":
        low, high = np.log10([xs[0], xs[-1]])
        powers = {"type": "log", "dtick": 2, "exponentformat": "power", "range": [low - 0.3, high + 0.3]}
        layout["xaxis"] = {"title": layout["xaxis"]["title"], **powers}
    if MEASURES[measure].log:
        layout["yaxis"] |= {"type": "log", "range": list(np.log10(ys)), "minor": {"ticks": ""}, **log_ticks(*ys)}
    return figure


def _traces(curve: Curve, measure: str, axis: str) -> list[Trace]:
    traces = curve_traces(curve.xs, curve.runs, curve.name, "", curve.style.color, legendgroup=curve.name)
    symbol, value = AXES[axis].symbol, f"%{{y:.{MEASURES[measure].digits}f}}{MEASURES[measure].unit}"
    point = f"{value} for all {symbol}" if curve.flat else f"{symbol} = %{{x}}: {value}"
    plural = "" if all(run.runs == 1 for run in curve.runs) else "s"
    spread = f"%{{customdata[0]:.2f}} to %{{customdata[1]:.2f}} over %{{customdata[2]}} seed{plural}"
    traces[-1]["line"]["dash"] = curve.style.dash
    traces[-1] |= {
        "marker": {"symbol": curve.style.symbol, "size": 7, "line": {"width": 1, "color": THEME_BACKGROUND}},
        "hovertemplate": f"{escape(curve.name)}<br>{point}<br>{spread}<extra></extra>",
    }
    return traces


def flat_xs(xs: Sequence[float]) -> tuple[float, ...]:
    """The two x of a flat curve."""
    return tuple(across(xs or (1,)))


def describe_curves(curves: Sequence[Curve], measure: str, axis: str) -> str:
    """Text with each curve's best value, or the last one of a measure of the shots."""
    of_shots, symbol = MEASURES[measure].of_shots is not None, AXES[axis].symbol
    texts = []
    for curve in curves:
        known = [(run.median, x) for x, run in zip(curve.xs, curve.runs, strict=True) if not math.isnan(run.median)]
        if not known:
            continue
        value, x = known[-1] if of_shots else max(known, key=lambda pair: pair[0])
        point = f"for all {symbol}" if curve.flat else f"at {symbol} = {x:g}"
        best = "" if of_shots or curve.flat else "best "
        texts.append(f"{curve.name}: {best}{value:.{MEASURES[measure].digits}f}{MEASURES[measure].unit} {point}")
    return "; ".join(texts)
