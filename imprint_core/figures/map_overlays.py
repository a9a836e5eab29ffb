"""Overlays of a map: shots, proxies, lines to assigned samples and the sample being explained; as Plotly traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.figures.embedding_map import typed_class_markers
from imprint_core.figures.plotly_json import typed_array
from imprint_core.figures.style import (
    NEUTRAL,
    PROXY_SYMBOL,
    SHOT_SYMBOL,
    THEME_BACKGROUND,
    THEME_TEXT,
    class_color,
    escape,
)

# With more proxies an SVG trace is slow.
_MANY_PROXIES = 600
# Name of the traces of lines, which are drawn below the samples.
LINES = "assigned"


def shot_overlay(
    shots: tuple[NDArray[np.float32], NDArray[np.integer], NDArray[np.integer]],
    names: Sequence[str],
    assigned: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.integer]] | None = None,
    colored: bool = True,
) -> list[dict[str, Any]]:
    """Shots as rings, and lines from proxies to their assigned samples.

    Parameters
    ----------
    shots : (ndarray of shape (n, 2), ndarray of shape (n,), ndarray of shape (n,))
        Positions, class numbers and ids.
    names : sequence of str
        Class names by class number.
    assigned : (ndarray of shape (m, 2), ndarray of shape (m, 2), ndarray of shape (m,)), optional
        Positions of samples and of their nearest proxies, and the proxies' class numbers.
    colored : bool
        Whether rings have class colours; otherwise they are grey.
    """
    traces: list[dict[str, Any]] = []
    if assigned is not None:
        samples, proxies, proxy_classes = assigned
        for c in np.unique(proxy_classes):
            rows = proxy_classes == c
            x, y = _lines(proxies[rows], samples[rows])
            traces.append(
                {
                    "type": "scattergl",
                    "x": x,
                    "y": y,
                    "mode": "lines",
                    "line": {"color": class_color(c), "width": 0.7},
                    "opacity": 0.45,
                    "name": LINES,
                    "hoverinfo": "skip",
                    "showlegend": False,
                }
            )
    positions, classes, ids = shots
    labels = [escape(n) for n in names]
    traces.append(
        {
            "type": "scattergl",
            **_xy(positions),
            "customdata": typed_array(ids.astype(np.int32)),
            "text": [labels[c] for c in classes],
            "mode": "markers",
            "name": "shots",
            "marker": {
                **(typed_class_markers(classes) if colored else {"color": NEUTRAL}),
                "symbol": SHOT_SYMBOL,
                "size": 6,
                "opacity": 0.75,
                "line": {"width": 1},
            },
            "hovertemplate": "shot: training sample %{customdata}<br>class %{text}<extra></extra>",
        }
    )
    return traces


def proxy_overlay(
    positions: NDArray[np.float32],
    classes: NDArray[np.integer],
    numbers: NDArray[np.integer],
    rows: NDArray[np.integer],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Proxies as stars.

    Parameters
    ----------
    positions : ndarray of shape (p, 2)
    classes, numbers, rows : ndarray of shape (p,)
        Class numbers, numbers within the class from 1, and rows among all proxies.
    names : sequence of str
        Class names by class number.
    """
    labels = [escape(n) for n in names]
    return [
        {
            "type": "scattergl" if len(positions) > _MANY_PROXIES else "scatter",
            **_xy(positions),
            "customdata": typed_array(rows.astype(np.int32)),
            "text": [f"{n} of class {labels[c]}" for n, c in zip(numbers.tolist(), classes.tolist(), strict=True)],
            "mode": "markers",
            "name": "proxies",
            "marker": {
                **typed_class_markers(classes),
                "symbol": PROXY_SYMBOL,
                "size": 18 if len(positions) <= 120 else 13,
                "line": {"width": 1.4, "color": THEME_TEXT},
            },
            "hovertemplate": "proxy %{text}<extra></extra>",
        }
    ]


def sample_overlay(
    sample: NDArray[np.float32], neighbours: NDArray[np.float32], proxies: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """A ring around one sample, with lines to its neighbours and proxies.

    Parameters
    ----------
    sample : ndarray of shape (2,)
    neighbours : ndarray of shape (m, 2)
        Positions of its nearest samples in the original space.
    proxies : ndarray of shape (≤ 2, 2)
        Positions of the predicted class's and the runner-up's nearest proxies.
    """
    skipped = {"type": "scatter", "hoverinfo": "skip", "showlegend": False}
    traces: list[dict[str, Any]] = []
    for ends, dash, width in ((neighbours, "dot", 1), (proxies[:1], "solid", 2), (proxies[1:], "dash", 1.5)):
        x, y = _lines(np.broadcast_to(sample, ends.shape), ends)
        line = {"color": THEME_TEXT, "width": width, "dash": dash}
        traces.append({**skipped, "x": x, "y": y, "mode": "lines", "line": line})
    return [*traces, *ring_overlay(sample)]


def ring_overlay(position: NDArray[np.float32], size: int = 20) -> list[dict[str, Any]]:
    """A ring of some pixels around a position (2,)."""
    ring = {"symbol": "circle-open", "line": {"width": 3, "color": THEME_TEXT}, "color": THEME_BACKGROUND, "size": size}
    trace = {"type": "scatter", "hoverinfo": "skip", "showlegend": False, "mode": "markers", "name": "focus"}
    return [{**trace, **_xy(position[None]), "marker": ring}]


def _xy(positions: NDArray[np.float32]) -> dict[str, Any]:
    return {"x": typed_array(positions[:, 0]), "y": typed_array(positions[:, 1])}


def _lines(start: NDArray[np.float32], end: NDArray[np.float32]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Lines between pairs of points (m, 2), as one line with gaps."""
    pairs = np.full((len(end), 3, 2), np.nan, dtype=np.float32)
    pairs[:, 0], pairs[:, 1] = start, end
    x, y = pairs.reshape(-1, 2).T
    return typed_array(x), typed_array(y)
