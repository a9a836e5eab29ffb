"""Similarities of one sample to proxies: all of them, or the nearest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imprint_core.figures.plotly_json import Figure, make_figure
from imprint_core.figures.style import FEW_CLASSES, MARGINS, THEME_TEXT, class_color, escape, shortened


def all_proxies(
    similarity: NDArray[np.floating],
    labels: NDArray[np.integer],
    numbers: NDArray[np.integer],
    names: Sequence[str],
    marked: Sequence[tuple[int, str]],
    measure: str,
    smaller_is_nearer: bool = False,
) -> Figure:
    """Similarities or distances of all proxies to a sample: bars grouped by class, nearest first in each.

    Parameters
    ----------
    similarity : ndarray of shape (p,)
        Similarities, or distances.
    labels, numbers : ndarray of shape (p,)
        Class number of each proxy, and its number within the class.
    names : sequence of str
        Class names by class number.
    marked : sequence of (int, str)
        Rows of proxies to annotate, and their annotations.
    measure : str
        Name of the values.
    smaller_is_nearer : bool
        Whether the values are distances.
    """
    order = np.lexsort((similarity if smaller_is_nearer else -similarity, labels))
    classes, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    # A gap of one bar between classes.
    gap = np.repeat(np.arange(len(classes)), counts)
    positions = np.arange(len(order)) + gap
    traces = [
        {
            "type": "bar",
            "x": positions[start : start + count],
            "y": similarity[order[start : start + count]],
            "name": escape(names[c]),
            "marker": {"color": class_color(c), "line": {"width": 0}},
            "customdata": numbers[order[start : start + count]],
            "hovertemplate": f"proxy %{{customdata}} of class {escape(names[c])}: %{{y:.4f}}<extra></extra>",
            "showlegend": False,
        }
        for c, start, count in zip(classes, starts, counts, strict=True)
    ]
    position_of = np.empty(len(order))
    position_of[order] = positions
    annotations = [
        {
            "x": position_of[row],
            "y": max(0.0, float(similarity[row])),
            "text": f"<b>{escape(label)}</b>",
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": THEME_TEXT,
            "ax": 0,
            # At different heights, because the bars may be neighbours.
            "ay": -18 - 16 * level,
            "font": {"size": 12, "color": THEME_TEXT},
        }
        for level, (row, label) in enumerate(marked)
    ]
    few = len(classes) <= FEW_CLASSES
    least, most = float(similarity.min()), float(similarity.max())
    # Bars from 0 would hide small differences between large values.
    cut = least > 0.5 * most > 0
    low, high = (least - 0.25 * (most - least or most), most) if cut else (min(0.0, 1.1 * least), max(0.0, most))
    return make_figure(
        traces,
        annotations=annotations,
        bargap=0.12,
        xaxis={
            "tickvals": (starts + np.arange(len(classes)) + (counts - 1) / 2).tolist() if few else [],
            "ticktext": [escape(shortened(names[c], 12)) for c in classes] if few else [],
            "title": {"text": "proxies by class, nearest first"},
            "showgrid": False,
            "range": [-1, float(positions[-1]) + 1],
        },
        # Room for the annotations above the bars.
        yaxis={
            "title": {"text": escape(measure) + (f" (from {low:.3g})" if cut else "")},
            "range": [low, high + 0.42 * (high - low or 1.0)],
            "zeroline": True,
        },
        margin=MARGINS,
    )


def near_proxies(labels: Sequence[str], values: Sequence[float], classes: Sequence[int], measure: str) -> Figure:
    """Similarities or distances of proxies to one image, nearest first; `measure` is their name."""
    rows = list(range(len(labels)))
    bars = {
        "type": "bar",
        "x": list(values),
        "y": rows,
        "orientation": "h",
        "marker": {"color": [class_color(c) for c in classes]},
        "text": [f"{v:.3f}".replace("-", "−") for v in values],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [escape(label) for label in labels],
        "hovertemplate": "%{customdata}: %{x:.4f}<extra></extra>",
        "showlegend": False,
    }
    return make_figure(
        [bars],
        # Labels can repeat, so the axis is numeric.
        yaxis={
            "autorange": "reversed",
            "tickvals": rows,
            "ticktext": [escape(label) for label in labels],
            "automargin": True,
            "ticks": "",
        },
        # Room for the numbers at the ends of the bars.
        xaxis={
            "title": {"text": measure},
            "zeroline": True,
            "range": [1.25 * min(0.0, *values), 1.15 * max(0.0, *values)],
        },
        margin=MARGINS,
        bargap=0.35,
    )
