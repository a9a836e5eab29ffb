"""Draw a map in place and report what a person picks on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from imprint_core.figures.static_map import MapLayers, static_map
from ui.charts.plot import SOURCE, component, stamp_of
from ui.charts.record import record_figure

_component = component("imprint_map", "map.js")
# Ways to pick: all samples in a shape, one sample, one more, none, or a proxy by its row.
_HOW = ("area", "one", "add", "none", "proxy")
OnPick = Callable[[str, Sequence[int]], None]


def map_plot(
    name: str,
    layers: MapLayers,
    *,
    alt: str,
    height: int,
    selected: Sequence[int] = (),
    hidden: Sequence[int] = (),
    lasso: bool = False,
    on_pick: OnPick | None = None,
    images: str = "",
) -> None:
    """Draw a map under the identity `name`, in place; all maps of a page share their zoom.

    `selected` are codes of samples, `hidden` class numbers. With `lasso`, dragging selects samples. `on_pick` is called
    before the page reruns, with the way of picking (see `_HOW`) and the samples' codes, or the proxy's row. `images` is
    the address of the samples' images (`ui.compute.sample_images`), which appear beside the hover text.
    """
    key = f"map-{name}"

    def picked() -> None:
        value = st.session_state[key].get("picked")
        # A browser can send anything.
        how, codes = (value.get("how"), value.get("codes")) if isinstance(value, dict) else (None, None)
        if on_pick and how in _HOW and isinstance(codes, list) and all(type(c) is int for c in codes):
            on_pick(how, codes)

    data: dict[str, Any] = {
        "name": name,
        "alt": alt,
        "height": height,
        "base": layers.base,
        "colors": layers.colors,
        "overlays": list(layers.overlays),
        "regions": layers.regions,
        "image_position": layers.image_position,
        "base_key": layers.key,
        "selected": sorted(selected),
        "hidden": sorted(hidden),
        "select": lasso,
        "first": lasso,
        "group": "map",
        "source": SOURCE,
    }
    data["stamp"] = stamp_of(*data.values())
    # Not drawn, so that another session's address does not change the figure.
    data["images"] = images
    record_figure(f"map-{name}", lambda: static_map(layers, hidden, selected), alt, height, data["stamp"])
    _component(key=key, data=data, height=height, on_picked_change=picked)
