"""Which samples a person means: those selected, and the one that is asked about. The same on every map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.framework.recipe import Recipe
from imprint_core.maps.samples import Samples, parse_sample, sample_text
from ui.compute import map_layers
from ui.controls.sidebar import Selection

_PICKED = "picked"
# How many thumbnails of them are shown at first, and how many more at a time.
FIRST = 16


def selected(selection: Selection, own: Samples) -> NDArray[np.int32]:
    """Numbers of the selected samples that a map has; ids mean something within their dataset only."""
    data, codes = st.session_state.get(_PICKED, ("", ()))
    if data != selection.info.dataset or not len(codes):
        return np.empty(0, dtype=np.int32)
    asked = np.array(codes, dtype=np.int64)
    return own.codes[own.rows_of(asked)]


def select(selection: Selection, codes: Sequence[int] | NDArray[np.integer]) -> None:
    """Select samples; none for an empty list."""
    kept = tuple(sorted({int(c) for c in codes if -(2**31) <= c < 2**31}))
    st.session_state[_PICKED] = (selection.info.dataset, kept)
    st.session_state.thumbnails = FIRST


def choose_sample(code: int | None) -> None:
    """Put a sample, or none, into the control that asks why."""
    st.session_state.sample = "" if code is None else sample_text(code)


def chosen_sample(selection: Selection) -> int | None:
    """The sample that is asked about."""
    text = selection.panel.values["sample"]
    return parse_sample(text) if text else None


def pick(selection: Selection, recipe: Recipe, how: str, codes: Sequence[int]) -> None:
    """Take over what was picked on the map of a recipe, as `map_plot` tells it."""
    data, before = st.session_state.get(_PICKED, ("", ()))
    if how == "proxy":
        won = won_by(selection, recipe, codes[0]) if codes else []
        if len(won):
            select(selection, won)
        else:
            st.session_state.pick_note = "That proxy won none of the samples shown."
        return
    known = _at_hand(selection, codes)
    if codes and not known:
        return
    if how == "one" and known:
        choose_sample(known[0])
    elif how == "add" and known:
        select(selection, sorted(set(before if data == selection.info.dataset else ()) ^ set(known)))
    else:
        select(selection, known)


def _at_hand(selection: Selection, codes: Sequence[int]) -> list[int]:
    """Those numbers that are samples'; a browser may send any."""
    every = map_layers.samples(selection.experiment, "all")
    asked = np.array([c for c in codes if -(2**31) <= c < 2**31], dtype=np.int64)
    return [int(c) for c in every.codes[every.rows_of(asked)]]


def won_by(selection: Selection, recipe: Recipe, proxy: int) -> NDArray[np.int32]:
    """Numbers of the samples shown that a proxy won."""
    shown = selection.panel.values["shown"]
    judged = map_layers.verdict(selection.experiment.with_(recipe=recipe), shown)
    return map_layers.samples(selection.experiment, shown).codes[judged.winner == proxy]


def of_cell(selection: Selection, true: int | None, predicted: int | None) -> NDArray[np.int32]:
    """Numbers of the test samples of one class, by its number, that are taken for another with the first seed.

    None stands for any class.
    """
    judged = map_layers.verdict(selection.experiment, "test")
    own = map_layers.samples(selection.experiment, "test")
    there = np.ones(len(own.y), dtype=bool)
    for asked, has in ((true, own.y), (predicted, judged.predicted)):
        there &= asked is None or has == asked
    return own.codes[there]


def pick_cell(selection: Selection, trace: int, cell: Sequence[int]) -> None:
    """Select the samples of a cell of the confusion matrix, as `plot` tells it: row and column."""
    present = np.unique(map_layers.samples(selection.experiment, "test").y)
    if len(cell) == 2 and min(cell) >= 0 and max(cell) < len(present):
        select_classes(selection, int(present[cell[0]]), int(present[cell[1]]))


def select_classes(selection: Selection, true: int | None, predicted: int | None) -> None:
    """Select the test samples of a class that are taken for another, or for any."""
    codes = of_cell(selection, true, predicted)
    select(selection, codes)
    # The matrix may be far below what shows them.
    where = "on the map" if len(codes) else "in that cell with the first seed"
    st.toast(f"{len(codes):,} {'sample' if len(codes) == 1 else 'samples'} {where}", icon=":material/select_all:")
