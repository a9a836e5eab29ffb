"""Draw a map of samples, and hear which of them a person means."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from imprint_core.figures.static_map import whole_map
from ui.charts.plot import SOURCE, component, stamp_of
from ui.charts.record import record_figure
from ui.compute.map_layers import MapPicture

_component = component("imprint_map", "map.js")
# What a browser may tell: every sample inside a shape, one, one more, none, or a proxy by its row.
_HOW = ("area", "one", "add", "none", "proxy")
Picked = Callable[[str, Sequence[int]], None]


def map_plot(
    name: str,
    picture: MapPicture,
    *,
    alt: str,
    height: int,
    selected: Sequence[int] = (),
    hidden: Sequence[int] = (),
    lasso: bool = False,
    on_pick: Picked | None = None,
) -> None:
    """Draw a map under the identity `name`; maps drawn together share zoom.

    Parameters
    ----------
    name : str
        Which picture this is; the same name is drawn in place.
    picture : MapPicture
    alt : str
        What the picture shows, for those who don't see it.
    height : int
        In pixels.
    selected : sequence of int
        Numbers of the samples that stand out; all do where there are none.
    hidden : sequence of int
        Class numbers whose samples aren't shown.
    lasso : bool
        Whether dragging selects, and the tools for that are offered.
    on_pick : callable, optional
        Called, before the page is drawn anew, with how something was picked ("area", "one", "add", "none" or "proxy")
        and the samples' numbers, or the proxy's.
    """
    key = f"map-{name}"

    def picked() -> None:
        told = st.session_state[key].get("picked")
        # It comes from a browser: anything may be in it.
        how, codes = (told.get("how"), told.get("codes")) if isinstance(told, dict) else (None, None)
        if on_pick and how in _HOW and isinstance(codes, list) and all(type(c) is int for c in codes):
            on_pick(how, codes)

    left, top, width, height_on_map = picture.place
    chosen, unseen = sorted(selected), sorted(hidden)
    data: dict[str, Any] = {
        "name": name,
        "alt": alt,
        "height": height,
        "base": picture.base,
        "paint": picture.paint,
        "overlays": list(picture.overlays),
        "regions": picture.regions,
        "place": {"xref": "x", "yref": "y", "x": left, "y": top, "sizex": width, "sizey": height_on_map},
        "place_key": picture.key,
        "selected": chosen,
        "hidden": unseen,
        "select": lasso,
        "first": lasso,
        "group": "map",
        "source": SOURCE,
    }
    data["stamp"] = stamp_of(json.dumps(data))
    parts = (picture.base, picture.paint, picture.overlays, picture.regions, picture.place)
    record_figure(f"map-{name}", lambda: whole_map(*parts, unseen, chosen), alt, height, data["stamp"])
    _component(key=key, data=data, height=height, on_picked_change=picked)
