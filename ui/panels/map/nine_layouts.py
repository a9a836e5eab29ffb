"""Small multiples: the same embeddings under other settings of UMAP."""

from __future__ import annotations

import streamlit as st

from imprint_core.figures import embedding_map
from imprint_core.maps.layouts import LAYOUT_GRID
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import base_maps, map_layers, stored_maps
from ui.controls.sidebar import Selection

_GRID_SAMPLES = 1000


def show_layouts(selection: Selection) -> None:
    """Small multiples: the same embeddings under other settings of UMAP."""
    heading("How much the picture depends on its settings", "nine")
    if not st.toggle("Show nine layouts of UMAP", key="nine", persist_state="session"):
        base_maps.ask_for_all(selection.experiment, ())
        st.caption("The same embeddings, drawn with other n\\_neighbors and min\\_dist: what stays is worth believing.")
        return
    base_maps.ask_for_all(selection.experiment, LAYOUT_GRID)
    experiment = selection.experiment
    maps, chosen, y = [], -1, None
    for i, layout in enumerate(LAYOUT_GRID):
        base = stored_maps.stored_map(experiment.info, experiment.recipe.space.shown, layout)
        positions = None
        if base is not None:
            on = map_layers.ground(experiment, base, "test")
            # Samples are stored in random order within their class, and a stride takes some of each.
            step = -(-len(on.positions) // _GRID_SAMPLES)
            positions, y = on.positions[::step], on.samples.y[::step]
        chosen = i if layout == selection.layout else chosen
        maps.append((f"{layout.n_neighbors} neighbours, dist {layout.min_dist:g}", positions))

    def clicked(trace: int, point: tuple[int, ...]) -> None:
        if 0 <= trace < len(LAYOUT_GRID):
            layout = LAYOUT_GRID[trace]
            st.session_state.update(map="umap", neighbors=layout.n_neighbors, min_dist=layout.min_dist)

    base_maps.show_progress("maps_wanted")
    if y is not None:
        plot(
            "nine",
            embedding_map.small_multiples(maps, y, 3, chosen),
            alt=f"{len(maps)} UMAP maps of the same samples with other settings",
            height=520,
            on_click=clicked,
        )
        st.caption(f"{len(y):,} test samples each. A click on a map takes its settings.")
