"""Selecting samples without a pointer: what a click on a cell of the confusion matrix, or a lasso, does."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ui.compute import map_layers
from ui.controls.sample_selection import select_classes
from ui.controls.sidebar import Selection


def offer_classes(selection: Selection) -> None:
    """Draw the button that opens the choice of classes."""
    info, classes = selection.info, selection.experiment.classes
    own = map_layers.samples(selection.experiment, "test")
    options = [None, *np.unique(own.y).tolist()]
    # What was chosen means nothing among other classes.
    keys = [f"select-{side}-{info.dataset}-{classes}" for side in ("true", "taken")]
    with st.popover("Select by class", icon=":material/select_all:"):
        for key, label in zip(keys, ("Test samples of class", "taken for"), strict=True):
            st.selectbox(label, options, format_func=lambda c: "any" if c is None else own.names[c], key=key)
        st.button("Select them", on_click=_select, args=(selection, keys), width="stretch")


def _select(selection: Selection, keys: list[str]) -> None:
    true, taken = (st.session_state.get(key) for key in keys)
    select_classes(selection, true, taken)
