"""The map or two compared maps, the controls above them, and nine layouts of the same embeddings."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import streamlit as st

from imprint_core.figures import embedding_map, map_overlays
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import LAYOUT_GRID, MAP_METHODS
from imprint_core.maps.samples import DISPLAYED
from imprint_core.maps.store import BaseMap
from ui.charts.map_plot import map_plot
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import map_layers, results, stored_maps
from ui.compute.sample_images import image_address
from ui.controls.recipe import recipe_text
from ui.controls.sample_selection import chosen_sample, pick, picked_proxy, selected
from ui.controls.sidebar import Selection
from ui.panels.map.explanation import sample_marks, show_explanation, show_summary
from ui.panels.map.selected_samples import show_differences, show_selected
from ui.text import descriptions
from ui.text.labels import count_text
from ui.widgets import base_maps

_HEIGHT, _PAIR_HEIGHT = 600, 460
# Pixels, around a star.
_STAR_RING = 30


def show_maps(selection: Selection, base: BaseMap) -> None:
    """Draw the map with the selected samples beside it; two maps, and those samples below, to compare recipes."""
    base_maps.show_progress()
    code = chosen_sample(selection)
    if selection.other is None:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _show_map(selection, base, selection.experiment.recipe, "map", _HEIGHT)
            _show_caption(selection, base)
        with right:
            if code is not None:
                show_summary(selection, code)
            show_selected(selection)
    else:
        tested = count_text(len(map_layers.samples(selection.experiment, "test").y), selection.experiment.info)
        pair = (("A", selection.experiment.recipe, "map"), ("B", selection.other, "map-b"))
        # In separate rows, so that both maps are aligned below headings of any length.
        for column, (side, recipe, _) in zip(st.columns(2, gap="medium"), pair, strict=True):
            column.markdown(f"**{side}** · {_accuracy(selection, recipe):.1f} % of {tested} · {recipe}")
        for column, (_, recipe, name) in zip(st.columns(2, gap="medium"), pair, strict=True):
            with column:
                _show_map(selection, base, recipe, name, _PAIR_HEIGHT)
        _show_caption(selection, base)
        show_differences(selection, selection.other)
        if code is not None:
            show_summary(selection, code)
        show_selected(selection)
    if code is not None:
        show_explanation(selection, code)


def _accuracy(selection: Selection, recipe: Recipe) -> float:
    predictions = map_layers.predictions(selection.experiment.with_(recipe=recipe), "test")
    return 100 * float((predictions.predicted == map_layers.samples(selection.experiment, "test").y).mean())


def _show_map(selection: Selection, base: BaseMap, recipe: Recipe, name: str, height: int) -> None:
    experiment, values = selection.experiment.with_(recipe=recipe), selection.panel.values
    displayed, only, coloring = values["shown"], values["only"], values["color"]
    layer = map_layers.base_layer(experiment, base, displayed)
    lines = map_layers.lines(experiment, base, displayed, only) if values["lines"] else None
    overlays = map_layers.overlays(experiment, base, only, lines, values["shots"], coloring in ("true", "predicted"))
    other = selection.experiment.recipe if recipe is selection.other else selection.other
    code, proxy = chosen_sample(selection), picked_proxy(selection, recipe)
    placed = map_layers.placed_proxies(experiment, base)
    ring = "[]" if proxy is None else json.dumps(map_overlays.ring_overlay(placed.positions[proxy], _STAR_RING))
    layers = map_layers.combine(
        layer,
        map_layers.color_layer(experiment, displayed, coloring, experiment.with_(recipe=other) if other else None),
        (*overlays, sample_marks(experiment, code, base) if code is not None else "[]", ring),
        map_layers.regions(experiment, base, displayed) if values["regions"] else "",
    )
    proxies = len(placed.positions)
    map_plot(
        name,
        layers,
        alt=f"{MAP_METHODS[base.layout.method].label} map of {len(layer.samples.y)} samples coloured by "
        f"{embedding_map.COLORINGS[coloring].label}, with {proxies} proxies",
        height=height,
        selected=selected(selection, layer.samples).tolist(),
        hidden=[int(c) for c in np.unique(layer.samples.y) if c not in only] if only else [],
        lasso=True,
        on_pick=partial(pick, selection, recipe),
        images=image_address(experiment.info),
    )


def _show_caption(selection: Selection, base: BaseMap) -> None:
    displayed, method, layout = selection.panel.values["shown"], MAP_METHODS[base.layout.method], base.layout
    experiment = selection.experiment
    opened = results.embeddings(experiment.info)
    count, total = len(map_layers.samples(experiment, displayed).y), sum(opened.of)
    settings = ""
    if method.parameters:
        settings = f" (n\\_neighbors {layout.n_neighbors}, min\\_dist {layout.min_dist:g}, seed {layout.seed})"
    subset = len(opened.y_train) + len(opened.y_test) < total
    sampling = ", an equal number per class, drawn at random" if subset else ""
    trust = (
        f"**Trustworthiness {base.trust:.2f}** of 1: whether neighbours on the map are neighbours in the original "
        "space. "
        if base.trust is not None
        else ""
    )
    st.caption(
        f"{method.label}{settings} of the embeddings{descriptions.stage(experiment.recipe)}. {count:,} of {total:,} "
        f"samples are displayed: the {DISPLAYED[displayed]}{sampling}; shots ○ and proxies ★ of the first seed. {trust}"
        f"{method.help} Classification uses all {experiment.info.meta['fm']['dim']:,} dimensions. A proxy is placed at "
        f"the median position of {descriptions.near(experiment.recipe)}."
    )


def show_toolbar(selection: Selection) -> None:
    """Draw the controls, in rows that wrap on a narrow screen."""
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("color", 150), ("shown", 150), ("only", 170), ("against", 180), ("sample", 150)):
            draw(key, width)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        for key in ("shots", "regions", "lines"):
            draw(key)
        with st.popover("Layout", icon=":material/tune:"):
            if selection.layout.method == "umap":
                for key in ("neighbors", "min_dist", "map_seed"):
                    draw(key)
            else:
                st.caption("PCA has no parameters. Choose UMAP for Map in the sidebar to set some.")
        if selection.other is None:
            st.button(
                "Keep recipe as B",
                on_click=_keep,
                args=(selection,),
                help="Copies the current recipe into “Compare with”, so that you can change it and compare both.",
            )


def _keep(selection: Selection) -> None:
    st.session_state.against = recipe_text(selection.panel.values)


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
