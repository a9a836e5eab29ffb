"""What a map is drawn of: the samples, their paint, and what is laid over them.

Each is sent to the page by itself, so that only what changes is sent and drawn anew: the samples depend on the
base map alone, the paint on the recipe's predictions, the overlay on its proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from imprint_core.figures.style import (
    CLASS_COLORS,
    CORRECT,
    CORRECT_SYMBOL,
    FEW_CLASSES,
    MARGIN_SCALE,
    MISCLASSIFIED,
    MISCLASSIFIED_SYMBOL,
    NEUTRAL,
    PROXY_SYMBOL,
    SHOT_SYMBOL,
    THEME_BACKGROUND,
    THEME_TEXT,
    class_color,
    class_symbol,
    escape,
)

# Above this many proxies an SVG trace gets slow.
_MANY_PROXIES = 600
# Above this many samples all are dots: symbols couldn't be told apart, and take five times as long to draw without a
# graphics card. The sizes of the marks, by how many there are.
_MANY_SAMPLES = 10_000
_SIZES = ((5_000, 6), (_MANY_SAMPLES, 5), (30_000, 4))
_SMALLEST = 3


@dataclass(frozen=True)
class Coloring:
    """An entry of the table.

    Attributes
    ----------
    label, help : str
        For the page and the documentation.
    """

    label: str
    help: str


COLORINGS: dict[str, Coloring] = {
    "true": Coloring("true class", "Each sample has the colour and the symbol of its class."),
    "predicted": Coloring("predicted class", "The colour is what a sample is taken for, the symbol what it is."),
    "right": Coloring("right or wrong", "Wrongly classified samples are red crosses."),
    "margin": Coloring(
        "margin", "By how much the winning class's score is ahead of the next one's: red samples are close calls."
    ),
    "source": Coloring("source", "Which of the merged datasets, or of the merged classes, a sample comes from."),
}


def base_map(
    positions: NDArray[np.float32],
    classes: NDArray[np.integer],
    codes: NDArray[np.integer],
    names: Sequence[str],
    extent: tuple[NDArray[np.float32], NDArray[np.float32]],
    to_scale: bool,
) -> go.Figure:
    """Samples on the base map, a trace a class, in ascending order of the classes.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
    classes : ndarray of shape (n,)
        True class numbers.
    codes : ndarray of shape (n,)
        Numbers of the samples (`samples.code_of`), as `customdata`.
    names : sequence of str
        Class names by class number.
    extent : (ndarray of shape (2,), ndarray of shape (2,))
        Lowest and highest position that the map has to show.
    to_scale : bool
        Whether both axes share one scale.
    """
    traces = []
    size = _size(len(classes))
    for c in np.unique(classes):
        here = classes == c
        symbol = class_symbol(c) if len(classes) <= _MANY_SAMPLES else "circle"
        traces.append(
            go.Scattergl(
                x=positions[here, 0],
                y=positions[here, 1],
                customdata=codes[here],
                meta=int(c),
                mode="markers",
                name=escape(names[c]),
                showlegend=False,
                marker={"color": class_color(c), "symbol": symbol, "size": size, "opacity": 0.6},
                selected={"marker": {"opacity": 1, "size": size + 2}},
                unselected={"marker": {"opacity": 0.12}},
            )
        )
    bare = {"showgrid": False, "zeroline": False, "showline": False, "showticklabels": False, "ticks": ""}
    low, high = shown_range(extent)
    figure = go.Figure(traces)
    figure.update_layout(
        # Fixed, so that nothing on the map ever moves but what is laid over it.
        xaxis={**bare, "range": [low[0], high[0]]},
        yaxis={**bare, "range": [low[1], high[1]], "scaleanchor": "x" if to_scale else None},
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        legend={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "x": 0,
            "itemsizing": "constant",
            # A click would hide the entry and nothing else.
            "itemclick": False,
            "itemdoubleclick": False,
        },
        hovermode="closest",
    )
    return figure


def _size(count: int) -> int:
    return next((size for most, size in _SIZES if count <= most), _SMALLEST)


def shown_range(
    extent: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lowest and highest position of both axes: the extent and a margin."""
    low, high = extent
    return (float(low[0]) - 0.05, float(low[1]) - 0.05), (float(high[0]) + 0.05, float(high[1]) + 0.05)


@dataclass(frozen=True)
class Verdict:
    """What a recipe makes of the samples on a map.

    Attributes
    ----------
    predicted : ndarray of shape (n,), int16
        Predicted class numbers.
    margin : ndarray of shape (n,), float32
        By how much the winning class's score is ahead of the next one's; infinite where there is one class only.
    winner : ndarray of shape (n,), int32
        The nearest proxy of the predicted class.
    """

    predicted: NDArray[np.int16]
    margin: NDArray[np.float32]
    winner: NDArray[np.int32]


def paint(
    coloring: str,
    classes: NDArray[np.integer],
    names: Sequence[str],
    verdict: Verdict | None = None,
    sources: tuple[NDArray[np.integer], Sequence[str]] | None = None,
    top: float | None = None,
) -> dict[str, Any]:
    """How the samples of a base map look, for the page's script to put on.

    Parameters
    ----------
    coloring : str
        Key of `COLORINGS`.
    classes : ndarray of shape (n,)
        True class numbers, as given to `base_map`.
    names : sequence of str
        Class names by class number.
    verdict : Verdict, optional
        Goes into the hover; needed for every colouring but "true" and "source".
    sources : (ndarray of shape (n,), sequence of str), optional
        Numbers and names of the sources, for "source".
    top : float, optional
        Where the scale of margins ends; `top_margin` of the verdict, unless given.

    Returns
    -------
    dict
        `traces`: for each of the base map's traces its marker, and what its hover tells; `legend`: traces that
        show nothing but an entry of the legend; `coloraxis`; `names`; `still`: what it looks like where no
        verdict changes that, else empty.
    """
    present = np.unique(classes)
    few = len(present) <= FEW_CLASSES
    traces: list[dict[str, Any]] = []
    for c in present:
        here = classes == c
        trace: dict[str, Any] = {"marker": _marker(coloring, here, verdict, sources)}
        if verdict is not None:
            trace |= {"predicted": _typed(verdict.predicted[here]), "margin": _typed(verdict.margin[here])}
            if coloring == "right":
                wrong = (verdict.predicted[here] != c).astype(np.uint8)
                trace |= {"which": _typed(wrong)}
                if len(classes) <= _MANY_SAMPLES:
                    trace |= {"symbols": [CORRECT_SYMBOL, MISCLASSIFIED_SYMBOL], "sizes": [5, 7]}
        if coloring == "source" and sources is not None and len(classes) <= _MANY_SAMPLES:
            every = range(len(sources[1]))
            trace["marker"] = {"colors": [class_color(i) for i in every], "line": {"width": 0}}
            trace |= {"which": _typed(sources[0][here].astype(np.int16)), "symbols": [class_symbol(i) for i in every]}
            trace["sizes"] = [_size(len(classes))] * len(every)
        traces.append(trace)
    painted: dict[str, Any] = {"traces": traces, "names": [escape(n) for n in names], "legend": []}
    painted["still"] = coloring if coloring in ("true", "source") else ""
    if coloring == "right":
        painted["legend"] = [
            _entry("right", CORRECT, CORRECT_SYMBOL),
            _entry("wrong", MISCLASSIFIED, MISCLASSIFIED_SYMBOL if len(classes) <= _MANY_SAMPLES else "circle"),
        ]
    elif coloring == "source" and sources is not None:
        entries = list(enumerate(sources[1]))
        signs = [class_symbol(i) if len(classes) <= _MANY_SAMPLES else "circle" for i, _ in entries]
        painted["legend"] = [_entry(s, class_color(i), signs[i]) for i, s in entries] if len(entries) < 13 else []
    elif few and coloring != "margin":
        painted["legend"] = [
            _entry(names[c], class_color(c), class_symbol(c) if len(classes) <= _MANY_SAMPLES else "circle")
            for c in present
        ]
    if coloring == "margin" and verdict is not None:
        painted["coloraxis"] = {
            "cmin": 0,
            "cmax": top_margin(verdict) if top is None else top,
            "colorscale": MARGIN_SCALE,
            # Inside, so that the map is as large as ever.
            "colorbar": {
                "title": {"text": "margin"},
                "thickness": 10,
                "outlinewidth": 0,
                "len": 0.5,
                "x": 1,
                "xanchor": "right",
                "y": 0,
                "yanchor": "bottom",
            },
        }
    return painted


def top_margin(*verdicts: Verdict) -> float:
    """Where a scale of margins ends that fits them all: 19 of 20 lie below."""
    margins = np.concatenate([v.margin for v in verdicts])
    finite = margins[np.isfinite(margins)]
    return (float(np.quantile(finite, 0.95)) if len(finite) else 0.0) or 1.0


def _marker(
    coloring: str,
    here: NDArray[np.bool_],
    verdict: Verdict | None,
    sources: tuple[NDArray[np.integer], Sequence[str]] | None,
) -> dict[str, Any]:
    if coloring == "predicted" and verdict is not None:
        return _stepped(verdict.predicted[here])
    if coloring == "margin" and verdict is not None:
        finite = np.nan_to_num(verdict.margin[here], posinf=0.0)
        return {"color": _typed(finite.astype(np.float32)), "coloraxis": "coloraxis", "opacity": 0.8}
    if coloring == "right":
        # Marks that differ in size would get an outline.
        return {"opacity": 0.7, "colors": [CORRECT, MISCLASSIFIED], "line": {"width": 0}}
    if coloring == "source" and sources is not None:
        return _stepped(sources[0][here])
    return {}


def _stepped(numbers: NDArray[np.integer]) -> dict[str, Any]:
    marker = by_class(numbers)
    return {**marker, "color": _typed(marker["color"].astype(np.uint8))}


def _entry(name: str, color: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": escape(name),
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "hoverinfo": "skip",
    }


def under_proxies(
    shots: tuple[NDArray[np.float32], NDArray[np.integer], NDArray[np.integer]],
    names: Sequence[str],
    won: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.integer]] | None = None,
    colored: bool = True,
) -> list[dict[str, Any]]:
    """Shots as rings, and lines from proxies to the samples that they won, as traces.

    Parameters
    ----------
    shots : (ndarray of shape (n, 2), ndarray of shape (n,), ndarray of shape (n,))
        Positions, class numbers, ids.
    names : sequence of str
        Class names by class number.
    won : (ndarray of shape (m, 2), ndarray of shape (m, 2), ndarray of shape (m,)), optional
        Positions of samples, of the proxies that won them, and those proxies' class numbers.
    colored : bool
        Whether rings have their classes' colours; where colours tell something else they are grey.
    """
    traces: list[dict[str, Any]] = []
    if won is not None:
        samples, at, classes = won
        for c in np.unique(classes):
            own = classes == c
            x, y = _lines(at[own], samples[own])
            traces.append(
                {
                    "type": "scattergl",
                    "x": x,
                    "y": y,
                    "mode": "lines",
                    "line": {"color": class_color(c), "width": 0.7},
                    "opacity": 0.45,
                    "name": "won",
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
    at, classes, ids = shots
    names_of = [escape(n) for n in names]
    traces.append(
        {
            "type": "scattergl",
            **_xy(at),
            "customdata": _typed(ids.astype(np.int32)),
            "text": [names_of[c] for c in classes],
            "mode": "markers",
            "name": "shots",
            "marker": {
                **(_stepped(classes) if colored else {"color": NEUTRAL}),
                "symbol": SHOT_SYMBOL,
                "size": 6,
                "opacity": 0.75,
                "line": {"width": 1},
            },
            "hovertemplate": "shot: training sample %{customdata}<br>class %{text}<extra></extra>",
        }
    )
    return traces


def proxy_stars(
    at: NDArray[np.float32],
    classes: NDArray[np.integer],
    numbers: NDArray[np.integer],
    rows: NDArray[np.integer],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Proxies as stars, as a trace.

    Parameters
    ----------
    at : ndarray of shape (p, 2)
        Positions.
    classes, numbers, rows : ndarray of shape (p,)
        Class numbers, which of its class's proxies each is, from 1, and its row among all proxies.
    names : sequence of str
        Class names by class number.
    """
    names_of = [escape(n) for n in names]
    return [
        {
            "type": "scattergl" if len(at) > _MANY_PROXIES else "scatter",
            **_xy(at),
            "customdata": _typed(rows.astype(np.int32)),
            "text": [f"{n} of class {names_of[c]}" for n, c in zip(numbers.tolist(), classes.tolist(), strict=True)],
            "mode": "markers",
            "name": "proxies",
            "marker": {
                **_stepped(classes),
                "symbol": PROXY_SYMBOL,
                "size": 18 if len(at) <= 120 else 13,
                "line": {"width": 1.4, "color": THEME_TEXT},
            },
            "hovertemplate": "proxy %{text}<extra></extra>",
        }
    ]


def focus_marks(
    sample: NDArray[np.float32], neighbours: NDArray[np.float32], proxies: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """One sample marked on the map: a large ring, with lines to its neighbours and to proxies; as traces.

    Parameters
    ----------
    sample : ndarray of shape (2,)
    neighbours : ndarray of shape (m, 2)
        Positions of its nearest samples in the original space.
    proxies : ndarray of shape (≤ 2, 2)
        Positions of the winner and of the runner-up.
    """
    skipped = {"type": "scatter", "hoverinfo": "skip", "showlegend": False}
    traces: list[dict[str, Any]] = []
    for to, dash, width in ((neighbours, "dot", 1), (proxies[:1], "solid", 2), (proxies[1:], "dash", 1.5)):
        x, y = _lines(np.broadcast_to(sample, to.shape), to)
        look = {"color": THEME_TEXT, "width": width, "dash": dash}
        traces.append({**skipped, "x": x, "y": y, "mode": "lines", "line": look})
    ring = {"symbol": "circle-open", "line": {"width": 3, "color": THEME_TEXT}, "color": THEME_BACKGROUND, "size": 20}
    return [*traces, {**skipped, **_xy(sample[None]), "mode": "markers", "name": "focus", "marker": ring}]


def _xy(at: NDArray[np.float32]) -> dict[str, Any]:
    return {"x": _typed(at[:, 0]), "y": _typed(at[:, 1])}


def _lines(start: NDArray[np.float32], end: NDArray[np.float32]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lines from points (m, 2) to others, as one that is broken after each pair."""
    pairs = np.full((len(end), 3, 2), np.nan, dtype=np.float32)
    pairs[:, 0], pairs[:, 1] = start, end
    x, y = pairs.reshape(-1, 2).T
    return _typed(x), _typed(y)


def small_multiples(
    maps: Sequence[tuple[str, NDArray[np.float32] | None]],
    classes: NDArray[np.integer],
    columns: int,
    chosen: int,
) -> go.Figure:
    """The same samples laid out in several ways, in a grid.

    Parameters
    ----------
    maps : sequence of (str, ndarray of shape (n, 2) or None)
        A title for each, and the positions; None where they are still being computed.
    classes : ndarray of shape (n,)
        Class numbers, for the colours.
    columns : int
    chosen : int
        Which of the maps is the one in use; -1 for none.
    """
    from plotly.subplots import make_subplots

    rows = -(-len(maps) // columns)
    titles = [f"<b>{title} ●</b>" if i == chosen else title for i, (title, _) in enumerate(maps)]
    figure = make_subplots(rows, columns, subplot_titles=titles, horizontal_spacing=0.03, vertical_spacing=0.08)
    for i, (title, positions) in enumerate(maps):
        row, column = i // columns + 1, i % columns + 1
        if positions is None:
            # Something has to be there for its axes to be drawn.
            figure.add_trace(
                go.Scatter(x=[0], y=[0], mode="text", text=["being computed …"], hoverinfo="skip", showlegend=False),
                row,
                column,
            )
            continue
        figure.add_trace(
            go.Scattergl(
                x=positions[:, 0],
                y=positions[:, 1],
                mode="markers",
                name=title,
                showlegend=False,
                marker={**by_class(classes), "size": 3, "opacity": 0.7},
                hoverinfo="none",
            ),
            row,
            column,
        )
    bare = {"showgrid": False, "zeroline": False, "showline": False, "showticklabels": False, "ticks": ""}
    figure.update_xaxes(bare, range=[-1.08, 1.08], fixedrange=True)
    figure.update_yaxes(bare, range=[-1.08, 1.08], fixedrange=True)
    figure.update_annotations(font={"size": 12})
    figure.update_layout(margin={"l": 4, "r": 4, "t": 24, "b": 4}, hovermode="closest", dragmode=False)
    return figure


def by_class(classes: NDArray[np.integer]) -> dict[str, Any]:
    """Marker colours as numbers on a scale of steps: a hundred times quicker to build than names."""
    count = len(CLASS_COLORS)
    steps = [[edge / count, color] for i, color in enumerate(CLASS_COLORS) for edge in (i, i + 1)]
    return {"color": classes % count, "cmin": -0.5, "cmax": count - 0.5, "colorscale": steps, "showscale": False}


def _typed(array: NDArray[Any]) -> dict[str, Any]:
    """An array as Plotly writes it into JSON: a few bytes a number."""
    from base64 import b64encode

    names = {"uint8": "u1", "int16": "i2", "int32": "i4", "float32": "f4"}
    return {"dtype": names[array.dtype.name], "bdata": b64encode(np.ascontiguousarray(array).tobytes()).decode()}
