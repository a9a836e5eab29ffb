"""Layers of a map: the base layer (where samples are) and the colour layer (how they look).

Layers are sent to the page separately, so that only changed ones are transferred and drawn: the base layer depends on
the layout alone, the colour layer on predictions, and `map_overlays` on shots and proxies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.figures.plotly_json import Figure, Trace, make_figure, panel_title, typed_array
from imprint_core.figures.style import (
    CLASS_COLORS,
    CORRECT,
    CORRECT_SYMBOL,
    FEW_CLASSES,
    MARGIN_SCALE,
    MISCLASSIFIED,
    MISCLASSIFIED_SYMBOL,
    THEME_BACKGROUND,
    THEME_TEXT,
    class_color,
    class_symbol,
    escape,
    shortened,
)
from imprint_core.maps.samples import Predictions

# With more samples all symbols are circles: others are indistinguishable then, and five times as slow to draw without
# a graphics card.
_MANY_SAMPLES = 10_000
# Marker sizes by number of samples.
_SIZES = ((5_000, 6), (_MANY_SAMPLES, 5), (30_000, 4))
_SMALLEST = 3
_BARE_AXIS = {"showgrid": False, "zeroline": False, "showline": False, "showticklabels": False, "ticks": ""}

# Names are written on maps of at most so many classes, at one of so many samples per class.
_MOST_NAMES, _CANDIDATES = 20, 200
# Width of a letter and height of a line, in units of the positions on a narrow map.
_LETTER, _LINE = 0.03, 0.09

Range = tuple[float, float]
# Numbers of the samples' sources, and the sources' names.
Sources = tuple[NDArray[np.integer], Sequence[str]]


@dataclass(frozen=True)
class Coloring:
    """A colouring of samples: an entry of `COLORINGS`, with label and help for the page."""

    label: str
    help: str


COLORINGS: dict[str, Coloring] = {
    "true": Coloring("true class", "Colour and symbol show the true class."),
    "predicted": Coloring("predicted class", "The colour is the predicted class, the symbol the true class."),
    "right": Coloring("correct or misclassified", "Misclassified samples are red crosses."),
    "margin": Coloring("margin", "Score of the predicted class minus that of the runner-up: red margins are small."),
    "source": Coloring("source", "The merged dataset, or the merged class, that a sample comes from."),
}


def base_layer(
    positions: NDArray[np.float32],
    classes: NDArray[np.integer],
    codes: NDArray[np.integer],
    names: Sequence[str],
    extent: tuple[NDArray[np.float32], NDArray[np.float32]],
    to_scale: bool,
) -> Figure:
    """Samples at their positions, one trace per class in ascending order, and the names of few classes.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
    classes : ndarray of shape (n,)
        True class numbers.
    codes : ndarray of shape (n,)
        `samples.sample_code` of the samples, as `customdata`.
    names : sequence of str
        Class names by class number.
    extent : (ndarray of shape (2,), ndarray of shape (2,))
        Lowest and highest position to show.
    to_scale : bool
        Whether both axes share one scale.
    """
    traces = []
    size = _marker_size(len(classes))
    for c in np.unique(classes):
        rows = classes == c
        symbol = class_symbol(c) if len(classes) <= _MANY_SAMPLES else "circle"
        traces.append(
            {
                "type": "scattergl",
                "x": positions[rows, 0],
                "y": positions[rows, 1],
                "customdata": codes[rows],
                "meta": int(c),
                "mode": "markers",
                "name": escape(names[c]),
                "showlegend": False,
                "marker": {"color": class_color(c), "symbol": symbol, "size": size, "opacity": 0.6},
                "selected": {"marker": {"opacity": 1, "size": size + 2}},
                "unselected": {"marker": {"opacity": 0.12}},
            }
        )
    x_range, y_range = axis_ranges(extent)
    labels = _class_names(positions, classes, names)
    return make_figure(
        traces,
        # Fixed ranges, so that overlays never move the samples.
        xaxis={**_BARE_AXIS, "range": x_range},
        yaxis={**_BARE_AXIS, "range": y_range, **({"scaleanchor": "x"} if to_scale else {})},
        **({"annotations": labels} if labels else {}),
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        legend={
            "orientation": "h",
            "y": -0.02,
            "yanchor": "top",
            "x": 0,
            "itemsizing": "constant",
            # Entries are separate traces, so a click would hide the entry alone.
            "itemclick": False,
            "itemdoubleclick": False,
        },
        hovermode="closest",
    )


def _class_names(
    positions: NDArray[np.float32], classes: NDArray[np.integer], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Names in the densest places of classes, beside other names; "name" is the class number."""
    present = np.unique(classes)
    labels: list[dict[str, Any]] = []
    boxes: list[tuple[float, float, float]] = []
    for c in present if len(present) <= _MOST_NAMES else ():
        text = shortened(names[c], 16)
        width = _LETTER * (len(text) + 1)
        dense = _densest_first(positions[classes == c])
        x, y = next((position for position in dense if not _overlaps(*position, width, boxes)), dense[0])
        boxes.append((x, y, width))
        labels.append(
            {
                "name": str(c),
                "x": x,
                "y": y,
                "text": f"<b>{escape(text)}</b>",
                "showarrow": False,
                "opacity": 0.85,
                "font": {"size": 13, "color": THEME_TEXT},
                "bgcolor": THEME_BACKGROUND,
                "bordercolor": class_color(c),
                "borderwidth": 2,
                "borderpad": 2,
                # Points below it can be clicked.
                "captureevents": False,
            }
        )
    return labels


def _densest_first(positions: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Some of the positions (n, 2) of a class, by the distance within which a quarter of them are."""
    some = positions[:: -(-len(positions) // _CANDIDATES)].astype(np.float64)
    distances = np.linalg.norm(some[:, None] - some, axis=2)
    order = np.argsort(np.sort(distances, axis=1)[:, len(some) // 4], kind="stable")
    return [(float(x), float(y)) for x, y in some[order]]


def _overlaps(x: float, y: float, width: float, boxes: Sequence[tuple[float, float, float]]) -> bool:
    return any(abs(x - left) < (width + other) / 2 and abs(y - top) < _LINE for left, top, other in boxes)


def _marker_size(count: int) -> int:
    return next((size for most, size in _SIZES if count <= most), _SMALLEST)


def axis_ranges(extent: tuple[NDArray[np.float32], NDArray[np.float32]]) -> tuple[Range, Range]:
    """Ranges of the x and the y axis: the extent with a margin."""
    low, high = extent
    return (float(low[0]) - 0.05, float(high[0]) + 0.05), (float(low[1]) - 0.05, float(high[1]) + 0.05)


def color_layer(
    coloring: str,
    classes: NDArray[np.integer],
    names: Sequence[str],
    predictions: Predictions | None = None,
    sources: Sources | None = None,
    limit: float | None = None,
    listed: NDArray[np.integer] | None = None,
) -> dict[str, Any]:
    """Colours and hover data of a base layer's samples, which the page's script applies.

    Parameters
    ----------
    coloring : str
        Key of `COLORINGS`.
    classes : ndarray of shape (n,)
        True class numbers, as in `base_layer`.
    names : sequence of str
        Class names by class number.
    predictions : Predictions, optional
        For the hover text, and every colouring but "true" and "source".
    sources : (ndarray of shape (n,), sequence of str), optional
        Numbers and names of the sources, for "source".
    limit : float, optional
        End of the margin scale; by default `margin_limit` of the predictions.
    listed : ndarray, optional
        Class numbers, by default those of the samples: a class may have shots and proxies only. The legend has those
        whose names are not written on the map.

    Returns
    -------
    dict
        `traces`: marker and hover data for each trace of the base layer; `legend`: traces that only give entries of
        the legend; `coloraxis`; `names`; `fixed`: the colouring if it does not depend on predictions, else empty.
    """
    many = len(classes) > _MANY_SAMPLES
    traces: list[dict[str, Any]] = []
    for c in np.unique(classes):
        rows = classes == c
        trace: dict[str, Any] = {"marker": _marker(coloring, rows, predictions, sources)}
        if predictions is not None:
            predicted = predictions.predicted[rows]
            trace |= {"predicted": typed_array(predicted), "margin": typed_array(predictions.margin[rows])}
            if coloring == "right":
                trace["which"] = typed_array((predicted != c).astype(np.uint8))
                if not many:
                    trace |= {"symbols": [CORRECT_SYMBOL, MISCLASSIFIED_SYMBOL], "sizes": [5, 7]}
        if coloring == "source" and sources is not None and not many:
            count = len(sources[1])
            trace["marker"] = {"colors": [class_color(i) for i in range(count)], "line": {"width": 0}}
            trace["which"] = typed_array(sources[0][rows].astype(np.int16))
            trace |= {
                "symbols": [class_symbol(i) for i in range(count)],
                "sizes": [_marker_size(len(classes))] * count,
            }
        traces.append(trace)
    layer: dict[str, Any] = {
        "traces": traces,
        "names": [escape(n) for n in names],
        "legend": _legend(coloring, _without_name(classes, listed), names, sources, many),
        "fixed": coloring if coloring in ("true", "source") else "",
    }
    if coloring == "margin" and predictions is not None:
        layer["coloraxis"] = {
            "cmin": 0,
            "cmax": margin_limit(predictions) if limit is None else limit,
            "colorscale": MARGIN_SCALE,
            # Inside the plot, so that the map keeps its size.
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
    return layer


def margin_limit(*predictions: Predictions) -> float:
    """End of a margin scale shared by several predictions: their 95 % quantile."""
    margins = np.concatenate([p.margin for p in predictions])
    finite = margins[np.isfinite(margins)]
    return (float(np.quantile(finite, 0.95)) if len(finite) else 0.0) or 1.0


def _marker(
    coloring: str, rows: NDArray[np.bool_], predictions: Predictions | None, sources: Sources | None
) -> dict[str, Any]:
    if coloring == "predicted" and predictions is not None:
        return typed_class_markers(predictions.predicted[rows])
    if coloring == "margin" and predictions is not None:
        finite = np.nan_to_num(predictions.margin[rows], posinf=0.0)
        return {"color": typed_array(finite.astype(np.float32)), "coloraxis": "coloraxis", "opacity": 0.8}
    if coloring == "right":
        # Markers of different sizes get an outline by default.
        return {"opacity": 0.7, "colors": [CORRECT, MISCLASSIFIED], "line": {"width": 0}}
    if coloring == "source" and sources is not None:
        return typed_class_markers(sources[0][rows])
    return {}


def _without_name(classes: NDArray[np.integer], listed: NDArray[np.integer] | None) -> NDArray[np.integer]:
    """Class numbers, of those listed, whose names `base_layer` does not write on the map."""
    present = np.unique(classes)
    listed = present if listed is None else listed
    return listed if len(present) > _MOST_NAMES else np.setdiff1d(listed, present)


def _legend(
    coloring: str, classes: NDArray[np.integer], names: Sequence[str], sources: Sources | None, many: bool
) -> list[dict[str, Any]]:
    """Traces without points, one per entry of the legend."""
    if coloring == "right":
        entries = [("correct", CORRECT, CORRECT_SYMBOL), ("misclassified", MISCLASSIFIED, MISCLASSIFIED_SYMBOL)]
    elif coloring == "source" and sources is not None:
        entries = [(name, class_color(i), class_symbol(i)) for i, name in enumerate(sources[1])]
    elif coloring != "margin":
        entries = [(names[c], class_color(c), class_symbol(c)) for c in classes]
    else:
        entries = []
    if len(entries) > FEW_CLASSES:
        return []
    return [
        {
            "type": "scatter",
            "x": [None],
            "y": [None],
            "mode": "markers",
            "name": escape(name),
            "marker": {"color": color, "symbol": "circle" if many else symbol, "size": 9},
            "hoverinfo": "skip",
        }
        for name, color, symbol in entries
    ]


def layout_panels(
    maps: Sequence[tuple[str, NDArray[np.float32] | None]], classes: NDArray[np.integer], columns: int, current: int
) -> Figure:
    """The same samples in several layouts, as a grid of small maps.

    `maps` has titles and positions (n, 2), None while a map is being computed; `current` is the index of the current
    layout, −1 for none.
    """
    rows = -(-len(maps) // columns)
    width, height = (1 - 0.03 * (columns - 1)) / columns, (1 - 0.08 * (rows - 1)) / rows
    traces: list[Trace] = []
    titles, axes = [], {}
    for i, (title, positions) in enumerate(maps):
        # The first axes have no number.
        number = str(i + 1) if i else ""
        left, bottom = i % columns * (width + 0.03), (rows - 1 - i // columns) * (height + 0.08)
        x, y = [left, left + width], [bottom, bottom + height]
        panel = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": False}
        if positions is None:
            # Without a trace its axes would not be drawn.
            text = {"mode": "text", "text": ["computing …"], "hoverinfo": "skip"}
            traces.append({"type": "scatter", "x": [0], "y": [0], **text, **panel})
        else:
            traces.append(
                {
                    "type": "scattergl",
                    "x": positions[:, 0],
                    "y": positions[:, 1],
                    "mode": "markers",
                    "name": title,
                    "marker": {**class_markers(classes), "size": 3, "opacity": 0.7},
                    "hoverinfo": "none",
                    **panel,
                }
            )
        axis = {**_BARE_AXIS, "range": [-1.08, 1.08], "fixedrange": True}
        axes[f"xaxis{number}"] = {**axis, "anchor": f"y{number}", "domain": x}
        axes[f"yaxis{number}"] = {**axis, "anchor": f"x{number}", "domain": y}
        titles.append(panel_title(f"<b>{title} ●</b>" if i == current else title, x, y))
    margin = {"l": 4, "r": 4, "t": 24, "b": 4}
    return make_figure(traces, **axes, annotations=titles, margin=margin, hovermode="closest", dragmode=False)


def class_markers(classes: NDArray[np.integer]) -> dict[str, Any]:
    """Marker colours as numbers on a stepped scale, a hundred times faster to build than colour names."""
    count = len(CLASS_COLORS)
    steps = [[edge / count, color] for i, color in enumerate(CLASS_COLORS) for edge in (i, i + 1)]
    return {"color": classes % count, "cmin": -0.5, "cmax": count - 0.5, "colorscale": steps, "showscale": False}


def typed_class_markers(classes: NDArray[np.integer]) -> dict[str, Any]:
    """`class_markers` with a typed array."""
    marker = class_markers(classes)
    return {**marker, "color": typed_array(marker["color"].astype(np.uint8))}
