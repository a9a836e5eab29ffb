"""A map of samples as one figure, put together as the page's script does."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.maps.samples import id_of


def whole_map(
    base: str,
    paint: str,
    overlays: Sequence[str],
    regions: str = "",
    place: tuple[float, float, float, float] = (0, 0, 1, 1),
    hidden: Collection[int] = (),
    selected: Collection[int] = (),
) -> str:
    """JSON of the figure.

    Parameters
    ----------
    base, paint : str
        JSON of `map_figures.base_map` and `map_figures.paint`.
    overlays : sequence of str
        JSON of lists of traces: what lies on the samples, and what lies above that.
    regions : str
        Picture of the decision regions, as a data address; empty for none.
    place : tuple of float
        Left, top, width and height of that picture on the map.
    hidden : collection of int
        Class numbers whose samples aren't shown.
    selected : collection of int
        Numbers of the samples that stand out; all do where there are none.
    """
    figure, painted = json.loads(base), json.loads(paint)
    under, *above = [json.loads(text) for text in overlays] or [[]]
    samples = [
        _samples(trace, own, painted["names"], trace.get("meta") not in hidden, set(selected))
        for trace, own in zip(figure["data"], painted["traces"], strict=True)
    ]
    # Lines go below the samples.
    lines = [trace for trace in under if trace["name"] == "won"]
    rings = [trace for trace in under if trace["name"] != "won"]
    over = [trace for traces in above for trace in traces]
    layout = figure["layout"]
    if regions:
        left, top, width, height = place
        at = {"xref": "x", "yref": "y", "x": left, "y": top, "sizex": width, "sizey": height}
        layout["images"] = [{**at, "source": regions, "layer": "below", "sizing": "stretch"}]
    if "coloraxis" in painted:
        layout["coloraxis"] = painted["coloraxis"]
    return json.dumps({"data": [*lines, *samples, *rings, *over, *painted["legend"]], "layout": layout})


def _samples(
    trace: dict[str, Any], paint: dict[str, Any], names: Sequence[str], visible: bool, selected: set[int]
) -> dict[str, Any]:
    marker = {**trace["marker"], **paint["marker"]}
    if "which" in paint:
        which = _numbers(paint["which"]).tolist()
        marker["color"] = [marker["colors"][w] for w in which]
        if "symbols" in paint:
            marker["symbol"] = [paint["symbols"][w] for w in which]
            marker["size"] = [paint["sizes"][w] for w in which]
    marker.pop("colors", None)
    codes = _numbers(trace["customdata"]).tolist()
    own = {**trace, "marker": marker, "visible": visible, "hovertemplate": "%{text}<extra></extra>"}
    own["text"] = [f"{part} sample {number}<br>class {trace['name']}" for part, number in map(id_of, codes)]
    if "predicted" in paint:
        taken = [names[c] for c in _numbers(paint["predicted"]).tolist()]
        own["text"] = [f"{text}<br>taken for {name}" for text, name in zip(own["text"], taken, strict=True)]
    if selected:
        own["selectedpoints"] = [i for i, code in enumerate(codes) if code in selected]
    return own


def _numbers(coded: Any) -> NDArray[Any]:
    """An array as Plotly has it in JSON."""
    if not isinstance(coded, dict):
        return np.asarray(coded)
    return np.frombuffer(base64.b64decode(coded["bdata"]), dtype=coded["dtype"])
