"""The map: proxies against embeddings, and why a sample was classified so."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.figures import charts, embedding_map
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.layouts import MAP_METHODS
from imprint_core.maps.samples import SHOWN
from imprint_core.maps.store import BaseMap
from ui.charts.map_plot import map_plot
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import base_maps, map_layers, results
from ui.controls.sample_selection import chosen_sample, pick, pick_cell, selected
from ui.controls.second_recipe import spec_of
from ui.controls.sidebar import Selection
from ui.navigation.links import hand_over
from ui.panels.map.explanation import marks, show_brief, show_why
from ui.panels.map.nine_layouts import show_layouts
from ui.panels.map.select_by_class import offer_classes
from ui.panels.map.selected_samples import show_differences, show_selected, verdict_of
from ui.text import descriptions
from ui.text.markdown import plain

_HEIGHT = 600


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Proxies among embeddings", anchor=False)
    st.caption(
        "Every mark is an image's embedding, every star ★ a proxy. Lasso samples, or click a sample, a star or a cell "
        "of the confusion matrix, to see the images and why they were classified so."
    )
    _tools(selection)
    place = st.container()
    try:
        base = base_maps.base_map(selection.experiment, selection.layout)
        with place:
            _maps(selection, base)
        left, right = st.columns([1, 1], gap="large")
        with left:
            _confusion(selection)
        with right:
            show_layouts(selection)
    except ImprintError as error:
        st.error(plain(error))


def _tools(selection: Selection) -> None:
    """The controls above the map; in rows that wrap on a narrow screen."""
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
                st.caption("PCA has no settings. Choose UMAP for Map in the sidebar for a map that has.")
        if selection.other is None:
            st.button(
                "Keep this recipe as B",
                on_click=_keep,
                args=(selection,),
                help="Puts the recipe as it is now into “Compare with”, so that you can change it and see both.",
            )


def _keep(selection: Selection) -> None:
    st.session_state.against = spec_of(selection.panel.values)


def _maps(selection: Selection, base: BaseMap) -> None:
    """The map and what is selected beside it; two maps, and that below them, where two recipes are compared."""
    base_maps.show_progress()
    code = chosen_sample(selection)
    if selection.other is None:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _map(selection, base, selection.recipe, "map", _HEIGHT)
            _caption(selection, base)
        with right:
            if code is not None:
                show_brief(selection, code)
            show_selected(selection)
    else:
        pair = (("A", selection.recipe, "map"), ("B", selection.other, "map-b"))
        # In rows, so that the maps stand side by side however long what is above them gets.
        for column, (sign, recipe, _) in zip(st.columns(2, gap="medium"), pair, strict=True):
            column.markdown(f"**{sign}** · {_accuracy(selection, recipe):.1f} % · {recipe}")
        for column, (_, recipe, name) in zip(st.columns(2, gap="medium"), pair, strict=True):
            with column:
                _map(selection, base, recipe, name, 460)
        _caption(selection, base)
        show_differences(selection, selection.other)
        if code is not None:
            show_brief(selection, code)
        show_selected(selection)
    if code is not None:
        show_why(selection, code)


def _accuracy(selection: Selection, recipe: Recipe) -> float:
    judged = verdict_of(selection, recipe, "test")
    own = map_layers.samples(selection.experiment, "test")
    return 100 * float((judged.predicted == own.y).mean())


def _map(selection: Selection, base: BaseMap, recipe: Recipe, name: str, height: int) -> None:
    experiment = selection.experiment.with_(recipe=recipe)
    values = selection.panel.values
    shown, only = values["shown"], values["only"]
    on = map_layers.ground(experiment, base, shown)
    lines = shown if values["lines"] else ""
    over = map_layers.overlays(experiment, base, only, lines, values["shots"], values["color"] in ("true", "predicted"))
    other = selection.recipe if recipe is selection.other else selection.other
    beside = experiment.with_(recipe=other) if other else None
    code = chosen_sample(selection)
    focus = marks(selection, recipe, code, base) if code is not None else "[]"
    picture = map_layers.picture(
        on,
        map_layers.paint(experiment, shown, values["color"], beside),
        (*over, focus),
        map_layers.regions(experiment, base, shown) if values["regions"] else "",
    )
    hidden = [int(c) for c in np.unique(on.samples.y) if c not in only] if only else []
    proxies = len(map_layers.placed(experiment, base).at)
    map_plot(
        name,
        picture,
        alt=f"{MAP_METHODS[base.layout.method].label} map of {len(on.samples.y)} samples coloured by "
        f"{embedding_map.COLORINGS[values['color']].label}, with {proxies} proxies",
        height=height,
        selected=selected(selection, on.samples).tolist(),
        hidden=hidden,
        lasso=True,
        on_pick=partial(pick, selection, recipe),
    )


def _caption(selection: Selection, base: BaseMap) -> None:
    info, shown = selection.info, selection.panel.values["shown"]
    opened = results.embeddings(info)
    count, whole = len(map_layers.samples(selection.experiment, shown).y), sum(opened.of)
    label = MAP_METHODS[base.layout.method].label
    settings = ""
    if base.layout.method == "umap":
        layout = base.layout
        settings = f" (n\\_neighbors {layout.n_neighbors}, min\\_dist {layout.min_dist:g}, seed {layout.seed})"
    part = len(opened.y_train) + len(opened.y_test) < whole
    drawn = ", equally many of each class, drawn at random" if part else ""
    trust = (
        f"**Trustworthiness {base.trust:.2f}** of 1: how far neighbours on the map are neighbours in the full space. "
        if base.trust is not None
        else ""
    )
    st.caption(
        f"{label}{settings} of the embeddings{descriptions.stage(selection.recipe)}. Showing {count:,} of {whole:,} "
        f"samples: the {SHOWN[shown]}{drawn}; shots ○ and proxies ★ of the first seed. {trust}"
        f"{MAP_METHODS[base.layout.method].help} Decisions are made in the full space of {info.meta['fm']['dim']:,} "
        f"dimensions. A proxy stands at the median of {descriptions.near(selection.recipe)}."
    )


def _confusion(selection: Selection) -> None:
    own = map_layers.samples(selection.experiment, "test")
    judged = verdict_of(selection, selection.recipe, "test")
    present = np.unique(own.y)
    rows, columns = np.searchsorted(present, own.y), np.searchsorted(present, judged.predicted)
    counts = np.zeros((len(present), len(present)))
    np.add.at(counts, (rows, columns), 1)
    names = [own.names[c] for c in present]
    heading("Confusion matrix of the first seed", "confusion-first")

    plot(
        "confusion-first",
        charts.confusion_matrix(100 * counts / counts.sum(axis=1, keepdims=True), names),
        alt=f"Confusion matrix of {len(names)} classes with the first seed, in percent of each true class",
        height=420,
        on_click=partial(pick_cell, selection),
    )
    st.caption("Percent of each true class (row). A click on a cell selects its samples.")
    offer_classes(selection)


if __name__ == "__main__":
    hand_over("map")
