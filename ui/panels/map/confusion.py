"""The confusion matrix of the first seed, and the selection of samples by class."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from imprint_core.evaluation.metrics import confusion
from imprint_core.figures import charts
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import map_layers
from ui.controls.sample_selection import pick_cell, select_classes
from ui.controls.sidebar import Selection


def show_confusion(selection: Selection) -> None:
    """Draw the confusion matrix; a click on a cell selects its samples."""
    samples = map_layers.samples(selection.experiment, "test")
    predicted = map_layers.predictions(selection.experiment, "test").predicted
    present = np.unique(samples.y)
    names = [samples.names[c] for c in present]
    truth, columns = np.searchsorted(present, samples.y), np.searchsorted(present, predicted)
    heading("Confusion matrix of the first seed", "confusion-first")
    plot(
        "confusion-first",
        charts.confusion_matrix(confusion(truth, columns[None], len(present)), names),
        alt=f"Confusion matrix of {len(names)} classes with the first seed, in percent of each true class",
        height=420,
        on_click=partial(pick_cell, selection),
    )
    st.caption("Percent of each true class (row). A click on a cell selects its samples.")
    _show_class_selection(selection, samples.names, present.tolist())


def _show_class_selection(selection: Selection, names: tuple[str, ...], present: list[int]) -> None:
    """Draw the keyboard-accessible equivalent of clicking a cell."""
    # The keys depend on the classes, because a choice is meaningless for others.
    task = f"{selection.info.dataset}-{selection.experiment.classes}"
    keys = [f"select-{side}-{task}" for side in ("true", "predicted")]
    with st.popover("Select by class", icon=":material/select_all:"):
        for key, label in zip(keys, ("True class", "Predicted as"), strict=True):
            st.selectbox(label, [None, *present], format_func=lambda c: "any" if c is None else names[c], key=key)
        st.button("Select samples", on_click=_select, args=(selection, keys), width="stretch")


def _select(selection: Selection, keys: list[str]) -> None:
    true, predicted = (st.session_state.get(key) for key in keys)
    select_classes(selection, true, predicted)
