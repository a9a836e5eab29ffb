"""The samples that are selected, beside the map; where two recipes are compared, those on which they differ."""

from __future__ import annotations

import numpy as np
import streamlit as st

from imprint_core.figures.embedding_map import Verdict
from imprint_core.framework.recipe import Recipe
from ui.compute import map_layers
from ui.controls.sample_selection import FIRST, choose_sample, chosen_sample, select, selected
from ui.controls.sidebar import Selection
from ui.text.markdown import plain
from ui.widgets.gallery import gallery
from ui.widgets.sample_tiles import judged_tiles, without_images


def verdict_of(selection: Selection, recipe: Recipe, shown: str) -> Verdict:
    """What a recipe, imprinted on the first seed's shots, makes of the samples shown."""
    return map_layers.verdict(selection.experiment.with_(recipe=recipe), shown)


def show_selected(selection: Selection) -> None:
    """The samples that are selected; without any, the mistakes that were the closest calls."""
    shown = selection.panel.values["shown"]
    own = map_layers.samples(selection.experiment, shown)
    judged = verdict_of(selection, selection.recipe, shown)
    codes = selected(selection, own)
    wrong = judged.predicted != own.y
    only = selection.panel.values["only"]
    seen = np.isin(own.y, only) if only else np.ones(len(own.y), dtype=bool)
    note = st.session_state.pop("pick_note", "")
    if note:
        st.info(note, icon=":material/info:")
    if len(codes):
        rows = own.rows_of(codes)
        right = int((~wrong[rows]).sum())
        left, button = st.columns([3, 1], vertical_alignment="center")
        told = f"{right:,} right"
        if selection.other is not None:
            also = int((verdict_of(selection, selection.other, shown).predicted == own.y)[rows].sum())
            told = f"{right:,} right with A, {also:,} with B"
        left.markdown(f"##### {len(rows):,} selected, {told}")
        button.button("Clear", on_click=select, args=(selection, []), width="stretch")
        labels, counts = np.unique(judged.predicted[rows], return_counts=True)
        order = np.argsort(-counts)[:5]
        taken = ", ".join(f"{plain(own.names[labels[i]])} × {counts[i]}" for i in order)
        unseen = int((~seen[rows]).sum())
        if unseen:
            st.caption(f"{unseen:,} of them are hidden on the map by “Only classes”.")
        by = "" if selection.other is None else " by A"
        st.caption(f"Taken{by} for {taken}{' and others' if len(labels) > 5 else ''}. Closest calls first.")
    else:
        rows = np.flatnonzero(wrong & seen)
        of = "" if selection.other is None else " of A"
        st.markdown(f"##### {len(rows):,} mistakes{of} among {int(seen.sum()):,}")
        st.caption(
            "Nothing is selected, so here are the mistakes, closest calls first: what each is, and what it is taken "
            "for."
        )
    rows = rows[np.argsort(judged.margin[rows], kind="stable")]
    most = st.session_state.get("thumbnails", FIRST)
    gallery(
        "selected",
        judged_tiles(selection, own, rows[:most], judged),
        label="selected samples" if len(codes) else "mistakes",
        chosen=chosen_sample(selection),
        on_click=choose_sample,
    )
    if len(rows) > most:
        st.button(f"Show more ({len(rows) - most:,} left)", on_click=_more, args=(most,))
    if without_images(selection):
        st.caption(without_images(selection))


def _more(most: int) -> None:
    st.session_state.thumbnails = most + 2 * FIRST


def show_differences(selection: Selection, other: Recipe) -> None:
    """How many samples one recipe gets right and the other wrong; a click selects them."""
    shown = selection.panel.values["shown"]
    own = map_layers.samples(selection.experiment, shown)
    a = verdict_of(selection, selection.recipe, shown).predicted == own.y
    b = verdict_of(selection, other, shown).predicted == own.y
    only = selection.panel.values["only"]
    seen = np.isin(own.y, only) if only else np.ones(len(own.y), dtype=bool)
    groups = (
        ("only A is right", a & ~b & seen),
        ("only B is right", b & ~a & seen),
        ("both are wrong", ~a & ~b & seen),
    )
    for column, (told, rows) in zip(st.columns(len(groups)), groups, strict=True):
        column.button(
            f"{int(rows.sum()):,} samples: {told}",
            on_click=select,
            args=(selection, own.codes[rows].tolist()),
            disabled=not rows.any(),
            width="stretch",
            help="Selects them on both maps.",
        )
