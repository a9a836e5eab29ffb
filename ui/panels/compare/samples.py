"""Samples that A and B classify differently: thumbnails, and links to the map."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.figures.style import class_color
from imprint_core.maps.samples import split_and_id
from ui.compute import results
from ui.compute.sample_images import image_of
from ui.controls.recipe import ALONE
from ui.controls.sample_selection import FIRST, choose_sample, select
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import go_to
from ui.panels.compare.ab_sides import Side, same_recipe, same_task
from ui.widgets.gallery import Frame, Tile, gallery
from ui.widgets.missing_images import show_missing_images

# Names of the groups and of their galleries.
_ONLY_A, _ONLY_B, _NEITHER = ("only A correct", "A"), ("only B correct", "B"), ("both misclassified", "are")


def show_samples(selection: Selection, a: Side, b: Side) -> None:
    """Draw samples of the first seed, grouped by which side is correct."""
    st.markdown("##### Samples with different results")
    of_a, of_b = a.correct[0], b.correct[0]
    groups = {
        _ONLY_A: np.flatnonzero(of_a & ~of_b),
        _ONLY_B: np.flatnonzero(of_b & ~of_a),
        _NEITHER: np.flatnonzero(~of_a & ~of_b),
    }
    tabs = st.tabs([f"{label}: {len(rows):,}" for (label, _), rows in groups.items()])
    for tab, ((label, name), rows) in zip(tabs, groups.items(), strict=True):
        with tab:
            _group(selection, a, b, label, f"changed-{name}", rows)
    show_missing_images(
        selection.experiment.info, "compare", "Tiles show the predictions of A and B instead of images."
    )


def _group(selection: Selection, a: Side, b: Side, label: str, name: str, rows: NDArray[np.intp]) -> None:
    if not len(rows):
        st.caption("None with the first seed.")
        return
    tested, codes = a.tested, a.tested.id_test
    images = results.pictures(selection.experiment.info)
    tiles = []
    # Test samples are ordered by class: a spread over all rows shows several classes.
    displayed = rows[np.unique(np.linspace(0, len(rows) - 1, FIRST).astype(int))]
    for row in displayed:
        split, number = split_and_id(int(codes[row]))
        classes = tested.y_test[row], a.predicted[0, row], b.predicted[0, row]
        true, by_a, by_b = (tested.names[c] for c in classes)
        image = image_of(images, int(codes[row]))
        tiles.append(
            Tile(
                int(codes[row]),
                image,
                true,
                # The frame has it, too.
                "" if image is None else f"A {by_a} · B {by_b}",
                class_color(int(tested.y_test[row])),
                False,
                f"{split} sample {number}: class {true}, predicted {by_a} by A, {by_b} by B",
                Frame(f"A {by_a}", f"B {by_b}", class_color(int(a.predicted[0, row]))),
            )
        )
    gallery(name, tiles, label=f"samples: {label}", on_click=partial(_explain, selection, a, b))
    left, right = st.columns([3, 2], vertical_alignment="center")
    part = f" {len(displayed)} of {len(rows):,} samples." if len(rows) > len(displayed) else ""
    resplit = results.pool(a.experiment).resplit
    fold = ", each sample by proxies from other folds; the Map has one split" if resplit else ""
    left.caption(f"First seed{fold}. Click a sample to explain it on the Map.{part}")
    right.button(
        "Show all on the Map",
        key=f"map-{name}",
        on_click=_to_map,
        args=(selection, a, b, codes[rows].tolist()),
        width="stretch",
    )


def _explain(selection: Selection, a: Side, b: Side, code: int) -> None:
    _to_map(selection, a, b, [code])
    choose_sample(code)


def _to_map(selection: Selection, a: Side, b: Side, codes: list[int]) -> None:
    """Open the map with these samples selected, and with B if it is another recipe on the same task."""
    select(selection, codes)
    compare = same_task(a, b) and not same_recipe(a, b)
    st.session_state.against = selection.panel.values["b"] if compare else ALONE
    go_to("map")
