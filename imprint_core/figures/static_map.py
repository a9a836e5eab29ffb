"""A map as one figure, for reports: the layers combined as the page's script combines them."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.figures.map_overlays import LINES
from imprint_core.figures.plotly_json import Figure, make_figure
from imprint_core.maps.samples import split_and_id


@dataclass(frozen=True)
class MapLayers:
    """Layers of a map as JSON: see `embedding_map.base_layer`, `color_layer` and `map_overlays`.

    `regions` is the image of the decision regions as a data URI, at left, top, width and height of `region_box`. `key`
    identifies the base layer; the page keeps zoom while it is the same.
    """

    base: str
    colors: str
    overlays: tuple[str, ...] = ()
    regions: str = ""
    region_box: tuple[float, float, float, float] = (0, 0, 1, 1)
    key: str = ""

    @property
    def image_position(self) -> dict[str, Any]:
        """Position of the region image in Plotly's terms."""
        left, top, width, height = self.region_box
        return {"xref": "x", "yref": "y", "x": left, "y": top, "sizex": width, "sizey": height}


def static_map(layers: MapLayers, hidden: Collection[int] = (), selected: Collection[int] = ()) -> Figure:
    """Combine layers into one figure.

    `hidden` are class numbers, `selected` codes of samples; none selected means that all look alike.
    """
    figure, colors = json.loads(layers.base), json.loads(layers.colors)
    below, *above = [json.loads(text) for text in layers.overlays] or [[]]
    samples = [
        _sample_trace(trace, paint, colors["names"], trace.get("meta") not in hidden, set(selected))
        for trace, paint in zip(figure["data"], colors["traces"], strict=True)
    ]
    lines = [trace for trace in below if trace["name"] == LINES]
    rings = [trace for trace in below if trace["name"] != LINES]
    overlays = [trace for traces in above for trace in traces]
    layout = figure["layout"]
    labels = [label for label in layout.pop("annotations", []) if int(label["name"]) not in hidden]
    if labels:
        layout["annotations"] = labels
    if layers.regions:
        layout["images"] = [{**layers.image_position, "source": layers.regions, "layer": "below", "sizing": "stretch"}]
    if "coloraxis" in colors:
        layout["coloraxis"] = colors["coloraxis"]
    return make_figure([*lines, *samples, *rings, *overlays, *colors["legend"]], **layout)


def _sample_trace(
    trace: dict[str, Any], paint: dict[str, Any], names: Sequence[str], visible: bool, selected: set[int]
) -> dict[str, Any]:
    marker = {**trace["marker"], **paint["marker"]}
    if "which" in paint:
        which = _decoded(paint["which"]).tolist()
        marker["color"] = [marker["colors"][w] for w in which]
        if "symbols" in paint:
            marker["symbol"] = [paint["symbols"][w] for w in which]
            marker["size"] = [paint["sizes"][w] for w in which]
    marker.pop("colors", None)
    codes = _decoded(trace["customdata"]).tolist()
    text = [f"{split} sample {number}<br>class {trace['name']}" for split, number in map(split_and_id, codes)]
    if "predicted" in paint:
        predicted = [names[c] for c in _decoded(paint["predicted"]).tolist()]
        text = [f"{line}<br>predicted as {name}" for line, name in zip(text, predicted, strict=True)]
    combined = {**trace, "marker": marker, "visible": visible, "hovertemplate": "%{text}<extra></extra>", "text": text}
    if selected:
        combined["selectedpoints"] = [i for i, code in enumerate(codes) if code in selected]
    return combined


def _decoded(coded: Any) -> NDArray[Any]:
    """Decode an array in Plotly's binary JSON format."""
    if not isinstance(coded, dict):
        return np.asarray(coded)
    return np.frombuffer(base64.b64decode(coded["bdata"]), dtype=coded["dtype"])
