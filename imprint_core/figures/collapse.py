"""The pictures of neural collapse: data in, Plotly figure out (see `figures`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale, unlabel_rgb

from imprint_core.collapse.correlation import Relation
from imprint_core.collapse.spectra import STAGES, Spectra
from imprint_core.evaluation.metrics import Summary
from imprint_core.figures.charts import across, curve_traces, mark, nc1_line, plain_axis, suggestion_mark
from imprint_core.figures.style import (
    ACCENT,
    CLASS_COLORS,
    CLASS_SYMBOLS,
    CURRENT,
    CURVE_SYMBOLS,
    FEW_CLASSES,
    GREY,
    LEGEND,
    MARGINS,
    SEQUENCE,
    THEME_BACKGROUND,
    THEME_TEXT,
    escape,
    shortened,
)

# Variants of a symbol, one per FM, so that FMs differ in more than colour.
_WAYS = ("", "-open", "-dot", "-open-dot")


@dataclass(frozen=True)
class Published:
    """A published curve, to be laid over.

    Attributes
    ----------
    name : str
        Whose it is.
    values : tuple of float
    """

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Dot:
    """A task in the picture of gains over NC1.

    Attributes
    ----------
    fm, data : str
        Labels, which give colour and symbol.
    name : str
        For the hover.
    nc1, gain : Summary
        Over draws.
    current : bool
        Whether it is the task in force.
    """

    fm: str
    data: str
    name: str
    nc1: Summary
    gain: Summary
    current: bool = False


def merged_color(d: int, most: int) -> str:
    """Colour of "d in 1" where d goes up to `most`."""
    place = (d - 1) / max(1, most - 1)
    red, green, blue = unlabel_rgb(sample_colorscale(list(SEQUENCE), [place])[0])
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"


def accuracy_by_merging(
    ks: Sequence[int],
    curves: Mapping[int, Sequence[Summary]],
    most: int,
    published: Mapping[int, Published],
    suggested: Mapping[int, int],
) -> go.Figure:
    """Accuracy over k, a curve for each d of "d in 1" (paper, Fig. 11b).

    Parameters
    ----------
    ks : sequence of int
    curves : mapping of int to sequence of Summary
        For each d: accuracy at each k over draws, in percent.
    most : int
        The largest d there will be, for the colours.
    published : mapping of int to Published
        Curves of the paper for k = 1, 2, …, by d.
    suggested : mapping of int to int
        The k that the shots suggest, by d.
    """
    figure = go.Figure()
    for d, runs in curves.items():
        traces = curve_traces(
            ks,
            runs,
            f"{d}" if d > 1 else "d = 1",
            f"{d} in 1, k = %{{x}}: %{{y:.1f}} %",
            merged_color(d, most),
            "draws",
            legendgroup=f"{d}",
        )
        traces[-1].update(marker_symbol=CURVE_SYMBOLS[(d - 1) % len(CURVE_SYMBOLS)])
        figure.add_traces(traces)
    for d, curve in published.items():
        figure.add_trace(
            go.Scatter(
                x=list(range(1, len(curve.values) + 1)),
                y=list(curve.values),
                mode="lines",
                line={"color": merged_color(d, most), "width": 1.5, "dash": "dot"},
                legendgroup=f"{d}",
                showlegend=False,
                hovertemplate=f"{curve.name}, published, {d} in 1, k = %{{x}}: %{{y:.1f}} %<extra></extra>",
            )
        )
    at = [(d, list(ks).index(d)) for d in curves if d in ks]
    if at:
        figure.add_trace(
            go.Scatter(
                x=[d for d, _ in at],
                y=[curves[d][i].median for d, i in at],
                mode="markers",
                name="k = d",
                showlegend=False,
                marker={
                    "symbol": "diamond",
                    "size": 11,
                    "color": [merged_color(d, most) for d, _ in at],
                    "line": {"width": 1.5, "color": THEME_TEXT},
                },
                hovertemplate="k = d = %{x}: %{y:.1f} %<extra></extra>",
            )
        )
    told = [(d, k, curves[d][list(ks).index(k)].median) for d, k in suggested.items() if d in curves]
    if told:
        rings = suggestion_mark([k for _, k, _ in told], [y for _, _, y in told])
        # In their curves' colours, for curves cross; the caption says what they are, so that the legend is one of d.
        figure.add_trace(rings.update(showlegend=False, marker_color=[merged_color(d, most) for d, _, _ in told]))
    figure.update_layout(
        xaxis={"title": "proxies a class, k", "dtick": 1, "range": [0.5, max(ks) + 0.5]},
        yaxis={"title": "accuracy (%)"},
        legend={**LEGEND, "traceorder": "normal", "entrywidth": 32},
        margin=MARGINS,
        hovermode="closest",
    )
    return figure


def nc1_by_merging(runs: Mapping[int, Summary], published: Published | None, most: int) -> go.Figure:
    """NC1 over d of "d in 1" (paper, Fig. 11a), with the line NC1 = 1; published values from d = 1 up."""
    ds = list(runs)
    figure = go.Figure(curve_traces(ds, list(runs.values()), "NC1", "NC1 %{y:.2f} (d in 1)", over="draws"))
    if published is not None:
        figure.add_trace(
            go.Scatter(
                x=list(range(1, len(published.values) + 1)),
                y=list(published.values),
                mode="lines+markers",
                name=f"{published.name}, published",
                line={"color": GREY, "dash": "dot", "width": 1.5},
                marker={"symbol": "square-open", "size": 7},
                hovertemplate=f"{published.name}, with NC1 as published, %{{x}} in 1: %{{y:.2f}}<extra></extra>",
            )
        )
    figure.add_trace(nc1_line([1, max(most, 2)]))
    values = [v for r in runs.values() for v in (r.high,)] + list(published.values if published else ())
    figure.update_layout(
        xaxis={"title": "original classes merged into one, d", "dtick": 1, "range": [0.6, max(most, 2) + 0.4]},
        yaxis={"title": "NC1", "range": [0, 1.1 * max([1.0, *_finite(values)])]},
        legend=LEGEND,
        margin=MARGINS,
        hovermode="closest",
    )
    return figure


def nc1_over_split(ks: Sequence[int], runs: Sequence[Summary]) -> go.Figure:
    """NC1 of classes split into k parts each, the least marked."""
    figure = go.Figure(curve_traces(ks, runs, "NC1 of the parts", "NC1 %{y:.2f}"))
    least = int(np.argmin([r.median for r in runs]))
    figure.add_trace(mark(ks[least], runs[least], f"least at k = {ks[least]}", ""))
    figure.add_trace(nc1_line(across(ks)))
    plain_axis(figure, ks, "parts of each class, k")
    values = [v for r in runs for v in (r.high,)]
    figure.update_yaxes(title="NC1", range=[0, 1.1 * max([1.0, *_finite(values)])])
    return figure


def nc1_of_classes(names: Sequence[str], runs: Sequence[Summary], every: Sequence[float]) -> go.Figure:
    """What each class adds to NC1, the most spread out first; bars of the shots, dots of all training samples."""
    order = sorted(range(len(names)), key=lambda c: -runs[c].median)
    few = len(names) <= FEW_CLASSES
    places = list(range(len(order)))
    called = [escape(names[c]) for c in order]
    figure = go.Figure(
        go.Bar(
            x=places,
            y=[runs[c].median for c in order],
            marker={"color": ACCENT},
            name="shots",
            customdata=[(n, runs[c].low, runs[c].high) for n, c in zip(called, order, strict=True)],
            error_y={
                "visible": few and any(r.low < r.high for r in runs),
                "symmetric": False,
                "array": [runs[c].high - runs[c].median for c in order],
                "arrayminus": [runs[c].median - runs[c].low for c in order],
                "thickness": 1.2,
                "width": 3,
            },
            hovertemplate="%{customdata[0]}: %{y:.2f}<br>%{customdata[1]:.2f} to %{customdata[2]:.2f} over seeds"
            "<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[every[c] for c in order],
            mode="markers",
            name="all training samples",
            marker={"symbol": "diamond", "size": 8 if few else 5, "color": CURRENT},
            customdata=called,
            hovertemplate="%{customdata}, all training samples: %{y:.2f}<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis={
            "tickvals": places,
            "ticktext": [escape(shortened(names[c], 14)) for c in order],
            "showticklabels": few,
            "tickangle": -35 if max(map(len, names)) > 2 else 0,
            "title": "class" if few else f"{len(names)} classes, the most spread out first",
        },
        yaxis={"title": "NC1 of the class", "rangemode": "tozero"},
        legend=LEGEND,
        margin=MARGINS,
        bargap=0.35,
    )
    return figure


def spectra_panels(told: Mapping[str, Spectra]) -> go.Figure:
    """Variances along principal directions within and between classes, a panel a stage of `STAGES`."""
    # Labels of NC1 in the panels' titles, so that each picture says what it comes to.
    titles = [
        f"{STAGES[name].label}: NC1 {told[name].nc1:.2f}" if name in told else STAGES[name].label for name in STAGES
    ]
    lines = [
        {
            "type": "scatter",
            "x": list(range(1, len(values) + 1)),
            "y": _in_units(told[name], values).astype(np.float32),
            "mode": "lines" if len(values) > 1 else "markers",
            "line": {"color": color, "width": 2, "dash": dash},
            "name": label,
            "legendgroup": label,
            "showlegend": name == next(iter(told)),
            "hovertemplate": f"{STAGES[name].label}, {label}<br>direction %{{x}}: %{{y:.3g}} × the mean variance "
            "within<extra></extra>",
            "xaxis": f"x{place}",
            "yaxis": f"y{place}",
        }
        for place, name in enumerate(STAGES, start=1)
        if name in told
        for values, label, color, dash in (
            (told[name].within, "within classes", ACCENT, "solid"),
            (told[name].between, "between class means", CURRENT, "dash"),
        )
    ]
    longest = max(len(own.within) for own in told.values())
    # One range for all panels, so that they can be compared; what is below a millionth of the largest is left out.
    every = np.concatenate([_in_units(own, v) for own in told.values() for v in (own.within, own.between)])
    high = float(every.max(initial=1.0))
    low = float(every[every > 1e-6 * high].min(initial=high / 10))
    directions = {"type": "log", "range": [-0.05, np.log10(max(longest, 2)) + 0.05], **_plain_ticks(1, longest, (1,))}
    variances = {
        "type": "log",
        "dtick": 1,
        "exponentformat": "power",
        "range": [np.log10(low) - 0.2, np.log10(high) + 0.2],
    }
    axes: dict[str, Any] = {}
    notes = []
    # Axes are written down, for subplots and their updates take several times as long, whenever n moves.
    for place, title in enumerate(titles, start=1):
        left, top = place % 2 == 1, place <= 2
        x, y = ([0.0, 0.48] if left else [0.52, 1.0]), ([0.56, 1.0] if top else [0.0, 0.44])
        below = {"showticklabels": False} if top else {"title": "direction"}
        beside = {"title": "variance"} if left else {"showticklabels": False}
        axes[f"xaxis{place}"] = {**directions, **below, "anchor": f"y{place}", "domain": x}
        axes[f"yaxis{place}"] = {**variances, **beside, "anchor": f"x{place}", "domain": y}
        if place > 1:
            axes[f"xaxis{place}"]["matches"] = "x"
            axes[f"yaxis{place}"]["matches"] = "y"
        notes.append(
            {
                "text": title,
                "font": {"size": 12, "color": THEME_TEXT},
                "showarrow": False,
                "x": sum(x) / 2,
                "xanchor": "center",
                "xref": "paper",
                "y": y[1],
                "yanchor": "bottom",
                "yref": "paper",
            }
        )
    return go.Figure(
        lines,
        {
            **axes,
            "annotations": notes,
            "legend": {**LEGEND, "y": 1.08},
            "margin": {**MARGINS, "t": 44},
            "hovermode": "closest",
        },
    )


def _in_units(own: Spectra, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variances in units of the mean one within classes, so that a round spread is a line at 1."""
    return values / (own.within.sum() / own.dim or 1.0)


def nc1_of_sets(dots: Sequence[Dot], fms: Sequence[str], data: Sequence[str]) -> go.Figure:
    """NC1 of each FM on each dataset as bars on a logarithmic axis, with the line NC1 = 1.

    `fms` and `data` are all labels that there will be, so that their colours stay while dots join.
    """
    figure = go.Figure()
    for fm in fms:
        own = {dot.data: dot for dot in dots if dot.fm == fm}
        there = [name for name in data if name in own]
        figure.add_trace(
            go.Bar(
                x=[escape(_brief(name)) for name in there],
                y=[own[name].nc1.median for name in there],
                name=escape(fm),
                marker={
                    "color": CLASS_COLORS[_place(fms, fm)],
                    "line": {
                        "width": [2 if own[name].current else 0 for name in there],
                        "color": THEME_TEXT,
                    },
                    "pattern": {"shape": ("", "/", ".", "x", "-")[_place(fms, fm, 5)]},
                },
                error_y={
                    "visible": any(own[n].nc1.low < own[n].nc1.high for n in there),
                    "symmetric": False,
                    "array": [own[name].nc1.high - own[name].nc1.median for name in there],
                    "arrayminus": [own[name].nc1.median - own[name].nc1.low for name in there],
                    "thickness": 1.2,
                    "width": 3,
                },
                hovertemplate=f"{escape(fm)}, %{{x}}: NC1 %{{y:.2f}}<extra></extra>",
            )
        )
    figure.add_trace(nc1_line([escape(_brief(name)) for name in data]))
    values = [v for dot in dots for v in (dot.nc1.low, dot.nc1.high) if v > 0]
    low, high = min([0.5, *_finite(values)]), max([2.0, *_finite(values)])
    figure.update_layout(
        xaxis={"title": "", "tickangle": -25, "type": "category"},
        yaxis={
            "type": "log",
            "title": "NC1",
            "range": [np.log10(low / 1.3), np.log10(high * 1.3)],
            **_plain_ticks(low / 1.3, high * 1.3),
        },
        legend=LEGEND,
        margin=MARGINS,
        barmode="group",
    )
    return figure


def gain_over_nc1(
    dots: Sequence[Dot],
    relation: Relation | None,
    published: Sequence[tuple[str, float, float]],
    fms: Sequence[str],
    data: Sequence[str],
) -> go.Figure:
    """Gain of k = 5 over k = 1 against NC1, a point a task, with the fitted line (paper, Fig. 12).

    Parameters
    ----------
    dots : sequence of Dot
    relation : Relation or None
        Whose line is drawn.
    published : sequence of (str, float, float)
        Name, NC1 and gain of the paper's tasks.
    fms, data : sequence of str
        All labels that there will be, so that their colours and symbols stay while dots join.
    """
    figure = go.Figure()
    if published:
        figure.add_trace(
            go.Scatter(
                x=[nc1 for _, nc1, _ in published],
                y=[gain for _, _, gain in published],
                mode="markers",
                name="published",
                marker={"symbol": "x-thin", "size": 8, "color": GREY, "line": {"width": 1.5, "color": GREY}},
                customdata=[name for name, _, _ in published],
                hovertemplate="%{customdata}, published: NC1 %{x:.2f}, gain %{y:+.1f} points<extra></extra>",
            )
        )
    for fm in fms:
        for name in data:
            own = [dot for dot in dots if dot.fm == fm and dot.data == name]
            if not own:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[dot.nc1.median for dot in own],
                    y=[dot.gain.median for dot in own],
                    mode="markers",
                    showlegend=False,
                    marker={
                        "color": CLASS_COLORS[_place(fms, fm)],
                        "symbol": CLASS_SYMBOLS[_place(data, name)] + _way(fms, fm),
                        "size": 9,
                        "line": {"width": 1, "color": THEME_BACKGROUND},
                    },
                    error_x=_whiskers([dot.nc1 for dot in own]),
                    error_y=_whiskers([dot.gain for dot in own]),
                    customdata=[escape(dot.name) for dot in own],
                    hovertemplate="%{customdata}<br>NC1 %{x:.2f}, gain %{y:+.1f} points<extra></extra>",
                )
            )
    # A legend of colours and one of symbols is shorter than one of all pairs.
    figure.add_traces([_key(escape(fm), CLASS_COLORS[_place(fms, fm)], f"square{_way(fms, fm)}") for fm in fms])
    figure.add_traces([_key(escape(_brief(name)), symbol=CLASS_SYMBOLS[_place(data, name)]) for name in data])
    shown = [(dot.nc1.median, dot.gain.median) for dot in dots] + [(x, y) for _, x, y in published]
    xs = [x for x in _finite([x for x, _ in shown]) if x > 0]
    low, high = (min([0.5, *xs]) / 1.2, max([2.0, *xs]) * 1.2)
    if relation is not None:
        told = [x for x in _finite([dot.nc1.median for dot in dots]) if x > 0]
        ends = [min(told), max(told)]
        figure.add_trace(
            go.Scatter(
                x=ends,
                y=[relation.at(x) for x in ends],
                mode="lines",
                name=f"{relation.intercept:.1f} {'−' if relation.slope < 0 else '+'} {abs(relation.slope):.1f} log NC1",
                line={"color": THEME_TEXT, "width": 1.5},
                hoverinfo="skip",
            )
        )
    now = [dot for dot in dots if dot.current]
    if now:
        figure.add_trace(
            go.Scatter(
                x=[dot.nc1.median for dot in now],
                y=[dot.gain.median for dot in now],
                mode="markers",
                name="now",
                marker={"symbol": "circle-open", "size": 18, "color": THEME_TEXT, "line": {"width": 2}},
                hoverinfo="skip",
            )
        )
    figure.update_layout(
        xaxis={"type": "log", "title": "NC1", "range": [np.log10(low), np.log10(high)], **_plain_ticks(low, high)},
        yaxis={"title": "accuracy at k = 5 less at k = 1 (points)", "zeroline": True, "zerolinecolor": GREY},
        legend=LEGEND,
        margin=MARGINS,
        hovermode="closest",
    )
    return figure


def _brief(name: str) -> str:
    """A dataset's label without what it has in brackets."""
    return shortened(name.split(" (")[0], 16)


def _key(name: str, color: str = GREY, symbol: str = "square") -> go.Scatter:
    """An entry of a legend alone."""
    return go.Scatter(
        x=[None], y=[None], mode="markers", name=name, marker={"color": color, "symbol": symbol, "size": 9}
    )


def _finite(values: Sequence[float]) -> list[float]:
    return [v for v in values if np.isfinite(v)]


def _place(names: Sequence[str], name: str, of: int = len(CLASS_COLORS)) -> int:
    return list(names).index(name) % of


def _way(fms: Sequence[str], fm: str) -> str:
    return _WAYS[_place(fms, fm, len(_WAYS))]


def _plain_ticks(low: float, high: float, steps: Sequence[int] = (1, 2, 5)) -> dict[str, Any]:
    """Plain numbers on a logarithmic axis."""
    ticks = [a * 10.0**e for e in range(-4, 6) for a in steps if low <= a * 10.0**e <= high]
    return {"tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}


def _whiskers(runs: Sequence[Summary]) -> dict[str, Any]:
    return {
        "visible": any(r.low < r.high for r in runs),
        "symmetric": False,
        "array": [r.high - r.median for r in runs],
        "arrayminus": [r.median - r.low for r in runs],
        "thickness": 1,
        "width": 0,
    }
