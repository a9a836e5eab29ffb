"""Nine UMAP layouts of the same embeddings, as small maps."""

from __future__ import annotations

import streamlit as st

from imprint_core.figures import embedding_map
from imprint_core.maps.layouts import LAYOUT_GRID
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import map_layers, stored_maps
from ui.controls.sidebar import Selection
from ui.widgets import base_maps

_SAMPLES = 1000


def show_layouts(selection: Selection) -> None:
    """Draw the small maps on request; a click on one applies its parameters."""
    experiment = selection.experiment
    heading("Effect of the layout's parameters", "nine")
    if not st.toggle("Nine UMAP layouts", key="nine", persist_state="session"):
        base_maps.request_layouts(experiment, ())
        st.caption(
            "The same embeddings with other values of n\\_neighbors and min\\_dist: trust the structure that all "
            "layouts share."
        )
        return
    base_maps.request_layouts(experiment, LAYOUT_GRID)
    maps, y = [], None
    for layout in LAYOUT_GRID:
        base = stored_maps.stored_map(experiment.info, experiment.recipe.space.base_norm, layout)
        positions = None
        if base is not None:
            layer = map_layers.base_layer(experiment, base, "test")
            # Samples are in random order within their class, so a stride takes some of each.
            step = -(-len(layer.positions) // _SAMPLES)
            positions, y = layer.positions[::step], layer.samples.y[::step]
        maps.append((f"{layout.n_neighbors} neighbours, dist {layout.min_dist:g}", positions))

    def clicked(trace: int, point: tuple[int, ...]) -> None:
        if 0 <= trace < len(LAYOUT_GRID):
            layout = LAYOUT_GRID[trace]
            st.session_state.update(map="umap", neighbors=layout.n_neighbors, min_dist=layout.min_dist)

    base_maps.show_progress(base_maps.LAYOUTS)
    if y is not None:
        current = LAYOUT_GRID.index(selection.layout) if selection.layout in LAYOUT_GRID else -1
        plot(
            "nine",
            embedding_map.layout_panels(maps, y, 3, current),
            alt=f"{len(maps)} UMAP maps of the same samples with other parameters",
            height=520,
            on_click=clicked,
        )
        st.caption(f"{len(y):,} test samples each. A click on a map applies its parameters.")
