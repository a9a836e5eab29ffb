"""The samples that change sides between A and B: thumbnails, and the way to the map."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.figures.style import class_color
from ui.compute import results
from ui.controls.sample_selection import FIRST, choose_sample, select
from ui.controls.second_recipe import ALONE
from ui.controls.sidebar import Selection
from ui.navigation.links import go_to
from ui.panels.compare.ab_sides import Side, same_recipe, same_task
from ui.widgets.gallery import Tile, gallery
from ui.widgets.sample_tiles import image_of, without_images


def show_samples(selection: Selection, a: Side, b: Side) -> None:
    """Draw the samples of the first seed, by which side is right."""
    st.markdown("##### Which samples change sides")
    seed = selection.seeds[:1]
    predicted = a.predicted(seed)[0], b.predicted(seed)[0]
    y = a.pool.y_test
    one, other = predicted[0] == y, predicted[1] == y
    groups = {
        "only A is right": np.flatnonzero(one & ~other),
        "only B is right": np.flatnonzero(other & ~one),
        "both are wrong": np.flatnonzero(~one & ~other),
    }
    for tab, (told, rows) in zip(
        st.tabs([f"{told}: {len(rows):,}" for told, rows in groups.items()]), groups.items(), strict=True
    ):
        with tab:
            _group(selection, a, b, told, rows, predicted)
    if without_images(selection):
        st.caption(without_images(selection))


def _group(
    selection: Selection,
    a: Side,
    b: Side,
    told: str,
    rows: NDArray[np.intp],
    predicted: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> None:
    if not len(rows):
        st.caption("None, with the first seed.")
        return
    pool, codes = a.pool, a.pool.id_test
    pictures = results.pictures(selection.info)
    tiles = []
    # From all over the test samples, for these stand class by class.
    shown = rows[np.unique(np.linspace(0, len(rows) - 1, FIRST).astype(int))]
    for row in shown:
        true, by_a, by_b = pool.names[pool.y_test[row]], *(pool.names[own[row]] for own in predicted)
        tiles.append(
            Tile(
                int(codes[row]),
                image_of(pictures, int(codes[row])),
                true,
                f"A {by_a} · B {by_b}",
                class_color(int(pool.y_test[row])),
                False,
                f"test sample {codes[row]}: class {true}, A says {by_a}, B says {by_b}",
            )
        )
    name = "changed-" + told.split()[1 if told.startswith("only") else 0]
    gallery(name, tiles, label=f"samples of which {told}", on_click=partial(_ask, selection, a, b))
    left, right = st.columns([3, 2], vertical_alignment="center")
    more = f" {len(shown)} of {len(rows):,} are shown." if len(rows) > len(shown) else ""
    left.caption(f"With the first seed. A click asks why, on the Map.{more}")
    right.button(
        "All of them on the Map",
        key=f"map-{name}",
        on_click=_to_the_map,
        args=(selection, a, b, codes[rows].tolist()),
        width="stretch",
    )


def _ask(selection: Selection, a: Side, b: Side, code: int) -> None:
    _to_the_map(selection, a, b, [code])
    choose_sample(code)


def _to_the_map(selection: Selection, a: Side, b: Side, codes: list[int]) -> None:
    """To the Map with these selected; B is there, too, where it is another recipe on the same task."""
    select(selection, codes)
    other = same_task(a, b) and not same_recipe(a, b)
    st.session_state.against = selection.panel.values["b"] if other else ALONE
    go_to("map")
