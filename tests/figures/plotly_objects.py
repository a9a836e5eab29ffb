"""Plotly's own object of a figure: the check that the app does without."""

import base64
import json

import numpy as np
import plotly.graph_objects as go

from imprint_core.figures.plotly_json import figure_json


def validated(figure):
    """Plotly's object of a figure, which is valid and has the same JSON: nothing is completed, converted or dropped."""
    checked = go.Figure(figure)
    of_plotly = json.loads(checked.to_json())
    # The only addition.
    del of_plotly["layout"]["template"]
    assert with_lists(json.loads(figure_json(figure), parse_constant=reject)) == with_lists(of_plotly)
    return checked


def reject(constant):
    raise ValueError(f"{constant} isn't JSON")


def with_lists(value):
    """JSON with lists instead of binary arrays, so that the width of integers doesn't matter; null for NaN."""
    if isinstance(value, dict) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        shape = json.loads(f"[{value.get('shape', -1)}]")
        return np.where(np.isnan(array), None, array).reshape(shape).tolist()
    if isinstance(value, dict):
        return {key: with_lists(item) for key, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, list) else value
