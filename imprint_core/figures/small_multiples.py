"""Curves as small multiples, and the signs of their legend: data in, Plotly figure out (see `figures`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import across, curve_traces, mark, plain_axis
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
from imprint_core.sweeps.sweep_table import MEASURES

_STROKES = {"solid": "none", "dash": "6 4", "dashdot": "6 3 1 3", "longdash": "10 4", "dot": "2 3"}
# Drawn around 0, as Plotly draws its own.
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


# Where an axis of NC1 may end and has its numbers.
_ROUND = tuple(a * 10.0**e for e in range(-6, 9) for a in (1, 2, 5))


@dataclass(frozen=True)
class Axis:
    """An entry of the table: what curves go over.

    Attributes
    ----------
    label : str
        For the page's control.
    sign : str
        As in "k = 5".
    title : str
    """

    label: str
    sign: str
    title: str


AXES: dict[str, Axis] = {
    "k": Axis("k", "k", "proxies a class, k"),
    "n": Axis("n-shot", "n", "shots a class, n"),
    "lam": Axis("λ", "λ", "λ of least squares"),
}


@dataclass(frozen=True)
class Style:
    """How a curve is told from the others: never by its colour alone."""

    color: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class Curve:
    """A curve of a panel.

    Attributes
    ----------
    name : str
    style : Style
    xs : tuple of float
        Ascending; where it is flat, the ends of the panel's axis.
    runs : tuple of Summary
        At each x.
    flat : bool
        Whether what the axis has doesn't matter to it.
    """

    name: str
    style: Style
    xs: tuple[float, ...]
    runs: tuple[Summary, ...]
    flat: bool = False


@dataclass(frozen=True)
class Published:
    """A curve of the paper, NaN where it has no point."""

    name: str
    style: Style
    xs: tuple[int, ...]
    values: tuple[float, ...]


# The choice in force, as `figures.mark` draws it.
NOW = Style(CURRENT, "", CURRENT_SYMBOL)


def style_of(place: int) -> Style:
    """The style of the curve number `place`; no two of the first ninety are equal in colour and symbol."""
    return Style(class_color(place), CURVE_DASHES[place % len(CURVE_DASHES)], CURVE_SYMBOLS[place % len(CURVE_SYMBOLS)])


def published_style(place: int) -> Style:
    """The style of the published curve number `place`."""
    return Style(GREY, "dot", f"{CURVE_SYMBOLS[place]}-open")


def swatch(style: Style) -> str:
    """The sign of a curve in a legend, as SVG."""
    line = (
        f'<path d="M0 8H36" stroke="{style.color}" stroke-width="2" stroke-dasharray="{_STROKES[style.dash]}"/>'
        if style.dash
        else ""
    )
    hollow = style.symbol.endswith("-open")
    shape, inside = _SHAPES[style.symbol.removesuffix("-open")], "none" if hollow else style.color
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="36" height="16" viewBox="0 0 36 16">{line}'
        f'<path transform="translate(18 8)" d="{shape}" fill="{inside}" stroke="{style.color}"/></svg>'
    )


def shared_range(measure: str, values: Iterable[float]) -> tuple[float, float]:
    """A range of y for all panels, in coarse steps, so that it seldom changes while curves fill in."""
    finite = [v for v in values if math.isfinite(v)]
    if measure == "nc1":
        above = [v for v in finite if v > 0] or [1.0]
        ends = (_ROUND[0], *(v for v in _ROUND if v < min(above))), (*(v for v in _ROUND if v > max(above)), _ROUND[-1])
        return ends[0][-1], ends[1][0]
    if not finite:
        return 0.0, 100.0
    low, high = 5 * math.floor((min(finite) - 0.5) / 5), 5 * math.ceil((max(finite) + 0.5) / 5)
    # What is at 100 % is not cut in half.
    return float(max(low, -2)), float(min(high, 102))


def panel(
    curves: Sequence[Curve],
    published: Sequence[Published],
    measure: str,
    axis: str,
    xs: Sequence[float],
    ys: tuple[float, float],
    current: tuple[float, Summary, str] | None = None,
) -> go.Figure:
    """One of several panels of curves; the legend is the page's.

    Parameters
    ----------
    curves : sequence of Curve
    published : sequence of Published
        Curves of the paper, laid over.
    measure : str
        Key of `MEASURES`.
    axis : str
        Key of `AXES`.
    xs : sequence of float
        What the x axis of every panel has room for, ascending.
    ys : (float, float)
        Range of y of every panel.
    current : (float, Summary, str), optional
        Where the choice in force is, what it reaches, and how it is called.
    """
    figure = go.Figure()
    traces = [_traces(curve, measure, axis) for curve in curves]
    # Bands lie below all lines.
    figure.add_traces([trace for own in traces for trace in own[:-1]] + [own[-1] for own in traces])
    sign, unit = AXES[axis].sign, MEASURES[measure].unit
    figure.add_traces(
        [
            go.Scatter(
                x=list(one.xs),
                y=list(one.values),
                mode="lines+markers",
                name=one.name,
                line={"color": one.style.color, "width": 1.5, "dash": one.style.dash},
                marker={"symbol": one.style.symbol, "size": 7},
                hovertemplate=f"{escape(one.name)}, published<br>{sign} = %{{x}}: %{{y:.1f}}{unit}<extra></extra>",
            )
            for one in published
        ]
    )
    if current is not None:
        figure.add_trace(mark(*current, unit))
    plain_axis(figure, xs or (1,), AXES[axis].title)
    if axis == "lam":
        low, high = np.log10([xs[0], xs[-1]])
        figure.update_xaxes(type="log", tickvals=None, dtick=2, exponentformat="power", range=[low - 0.3, high + 0.3])
    figure.update_layout(showlegend=False, uirevision=f"{measure} over {axis}")
    label = MEASURES[measure].label
    figure.update_yaxes(title=label + (f" ({unit.strip()})" if unit else ""), range=list(ys))
    if measure == "nc1":
        # From collapsed classes to a hundred alike it is tens of times as large.
        shown = [v for v in _ROUND if ys[0] <= v <= ys[1]]
        figure.update_yaxes(
            type="log",
            range=list(np.log10(ys)),
            tickvals=shown,
            ticktext=[f"{v:g}" for v in shown],
            minor={"ticks": ""},
        )
    return figure


def _traces(curve: Curve, measure: str, axis: str) -> list[go.Scatter]:
    traces = curve_traces(curve.xs, curve.runs, curve.name, "", curve.style.color, legendgroup=curve.name)
    sign, shown = AXES[axis].sign, f"%{{y:.{decimals(measure)}f}}{MEASURES[measure].unit}"
    at = f"{shown}, whatever {sign} is" if curve.flat else f"{sign} = %{{x}}: {shown}"
    over = f"%{{customdata[0]:.2f}} to %{{customdata[1]:.2f}} over %{{customdata[2]}} seed{_s(curve)}"
    traces[-1].update(
        line_dash=curve.style.dash,
        marker={"symbol": curve.style.symbol, "size": 7, "line": {"width": 1, "color": THEME_BACKGROUND}},
        hovertemplate=f"{escape(curve.name)}<br>{at}<br>{over}<extra></extra>",
    )
    return traces


def _s(curve: Curve) -> str:
    return "" if all(run.runs == 1 for run in curve.runs) else "s"


def decimals(measure: str) -> int:
    """With how many decimals a measure is told."""
    return 2 if measure == "nc1" else 1


def ends_of(xs: Sequence[float]) -> tuple[float, ...]:
    """Where a flat curve begins and ends."""
    return tuple(across(xs or (1,)))


def in_words(curves: Sequence[Curve], measure: str, axis: str) -> str:
    """What each curve comes to: its best value, or the NC1 of its most shots."""
    told = []
    for curve in curves:
        known = [(run.median, x) for x, run in zip(curve.xs, curve.runs, strict=True) if not math.isnan(run.median)]
        if not known:
            continue
        value, x = known[-1] if measure == "nc1" else max(known, key=lambda pair: pair[0])
        where = f"whatever {AXES[axis].sign} is" if curve.flat else f"at {AXES[axis].sign} = {x:g}"
        best = "" if measure == "nc1" or curve.flat else "best "
        told.append(f"{curve.name}: {best}{value:.{decimals(measure)}f}{MEASURES[measure].unit} {where}")
    return "; ".join(told)
