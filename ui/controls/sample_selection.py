"""Selected samples, and the sample being explained. Both are the same on every map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.framework.recipe import Recipe
from imprint_core.maps.samples import Samples, parse_sample, sample_text
from ui.compute import map_layers
from ui.controls.sidebar import Selection

_PICKED, _PROXY = "picked", "picked_proxy"
# Thumbnails shown at first.
FIRST = 16


def selected(selection: Selection, samples: Samples) -> NDArray[np.int32]:
    """Codes of the selected samples among `samples`; a selection belongs to one dataset."""
    data, codes = st.session_state.get(_PICKED, ("", ()))
    if data != selection.experiment.info.dataset or not len(codes):
        return np.empty(0, dtype=np.int32)
    return samples.codes[samples.rows_of(np.array(codes, dtype=np.int64))]


def select(selection: Selection, codes: Sequence[int] | NDArray[np.integer]) -> None:
    """Replace the selection; an empty list clears it."""
    valid = tuple(sorted({int(c) for c in codes if -(2**31) <= c < 2**31}))
    st.session_state[_PICKED] = (selection.experiment.info.dataset, valid)
    st.session_state.pop(_PROXY, None)
    st.session_state.thumbnails = FIRST
    if valid and valid[0] < 0:
        # Training samples, which the Map must display.
        st.session_state.shown = "all"


def choose_sample(code: int | None) -> None:
    """Write a sample's code, or none, into the control of the explained sample."""
    st.session_state.sample = "" if code is None else sample_text(code)


def chosen_sample(selection: Selection) -> int | None:
    """Code of the sample being explained."""
    text = selection.panel.values["sample"]
    return parse_sample(text) if text else None


def pick(selection: Selection, recipe: Recipe, how: str, codes: Sequence[int]) -> None:
    """Apply a click or selection on a recipe's map, as `map_plot` reports it."""
    data, before = st.session_state.get(_PICKED, ("", ()))
    if how == "proxy":
        assigned = assigned_samples(selection, recipe, codes[0]) if codes else []
        if len(assigned):
            select(selection, assigned)
            st.session_state[_PROXY] = (_draw_key(selection, recipe), int(codes[0]))
        else:
            st.session_state.pick_note = "No displayed sample is assigned to this proxy."
        return
    known = _known(selection, codes)
    if codes and not known:
        return
    if how == "one" and known:
        choose_sample(known[0])
    elif how == "add" and known:
        select(selection, sorted(set(before if data == selection.experiment.info.dataset else ()) ^ set(known)))
    else:
        select(selection, known)


def picked_proxy(selection: Selection, recipe: Recipe) -> int | None:
    """The proxy of a recipe on whose star the last click was; None if something else has been selected since."""
    key, proxy = st.session_state.get(_PROXY, ("", 0))
    return proxy if key == _draw_key(selection, recipe) else None


def _draw_key(selection: Selection, recipe: Recipe) -> str:
    return selection.experiment.with_(recipe=recipe).first_seed.key


def _known(selection: Selection, codes: Sequence[int]) -> list[int]:
    """Codes that exist; a browser can send any number."""
    samples = map_layers.samples(selection.experiment, "all")
    candidates = np.array([c for c in codes if -(2**31) <= c < 2**31], dtype=np.int64)
    return [int(c) for c in samples.codes[samples.rows_of(candidates)]]


def assigned_samples(selection: Selection, recipe: Recipe, proxy: int) -> NDArray[np.int32]:
    """Codes of the displayed samples whose nearest proxy is `proxy`."""
    displayed = selection.panel.values["shown"]
    predicted = map_layers.predictions(selection.experiment.with_(recipe=recipe), displayed)
    return map_layers.samples(selection.experiment, displayed).codes[predicted.proxy == proxy]


def samples_of_cell(selection: Selection, true: int | None, predicted: int | None) -> NDArray[np.int32]:
    """Codes of the test samples of one class that the first seed's proxies predict as another; None is any class."""
    samples = map_layers.samples(selection.experiment, "test")
    predictions = map_layers.predictions(selection.experiment, "test").predicted
    rows = np.ones(len(samples.y), dtype=bool)
    for label, labels in ((true, samples.y), (predicted, predictions)):
        rows &= label is None or labels == label
    return samples.codes[rows]


def pick_cell(selection: Selection, trace: int, cell: Sequence[int]) -> None:
    """Select the samples of a cell (row, column) of the confusion matrix."""
    present = np.unique(map_layers.samples(selection.experiment, "test").y)
    if len(cell) == 2 and min(cell) >= 0 and max(cell) < len(present):
        select_classes(selection, int(present[cell[0]]), int(present[cell[1]]))


def select_classes(selection: Selection, true: int | None, predicted: int | None) -> None:
    """Select the test samples of a class that are predicted as another, or as any."""
    select_cell(selection, samples_of_cell(selection, true, predicted))


def select_cell(selection: Selection, codes: NDArray[np.int32]) -> None:
    """Select the samples of a cell, and report their number."""
    select(selection, codes)
    # The matrix may be far below the gallery.
    where = "on the map" if len(codes) else "in that cell with the first seed"
    st.toast(f"{len(codes):,} {'sample' if len(codes) == 1 else 'samples'} {where}", icon=":material/select_all:")
