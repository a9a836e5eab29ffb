"""Figures as plain dictionaries in Plotly's JSON format, and their text.

Nothing is validated when a figure is built; tests compare every figure with Plotly's own objects.
`plotly.graph_objects.Figure(figure)` returns such an object.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Trace = dict[str, Any]
Figure = dict[str, Any]


def make_figure(traces: Sequence[Trace], **layout: Any) -> Figure:
    """Combine traces and the parts of a layout."""
    return {"data": list(traces), "layout": layout}


def panel_title(text: str, x: Sequence[float], y: Sequence[float], **font: str) -> dict[str, Any]:
    """Return the annotation above a panel with the domains `x` and `y`."""
    return {
        "text": text,
        "font": {"size": 12, **font},
        "showarrow": False,
        "x": sum(x) / 2,
        "xanchor": "center",
        "xref": "paper",
        "y": y[1],
        "yanchor": "bottom",
        "yref": "paper",
    }


def figure_json(figure: Figure) -> str:
    """Return a figure as JSON: arrays in Plotly's binary format, null for NaN and infinity."""
    try:
        return _ENCODER.encode(figure)
    except ValueError:
        return _ENCODER.encode(_without_nan(figure))


def _encoded(value: Any) -> Any:
    return typed_array(value) if isinstance(value, np.ndarray) else value.item()


_ENCODER = json.JSONEncoder(default=_encoded, allow_nan=False, separators=(",", ":"))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def typed_array(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array in Plotly's binary JSON format."""
    if array.dtype == np.int64:
        # Plotly has no integers of 8 bytes.
        array = array.astype(np.int32)
    coded: dict[str, Any] = {"dtype": array.dtype.str[1:], "bdata": b64encode(array.tobytes()).decode()}
    if array.ndim > 1:
        coded["shape"] = ", ".join(map(str, array.shape))
    return coded
