"""The confusion matrix, thumbnails of the selected samples, and the samples on which two recipes differ."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.evaluation.metrics import confusion
from imprint_core.figures import charts
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.samples import Samples
from ui.charts.plot import plot
from ui.charts.record import heading
from ui.compute import map_layers, results
from ui.controls.sample_selection import (
    FIRST,
    choose_sample,
    chosen_sample,
    pick_cell,
    picked_proxy,
    select,
    select_classes,
    selected,
)
from ui.controls.sidebar import Selection
from ui.text.markdown import plain
from ui.widgets.gallery import gallery, prediction_tiles
from ui.widgets.missing_images import show_missing_images


def show_selected(selection: Selection) -> None:
    """Draw the selected samples; without a selection, the misclassified ones, smallest margin first."""
    displayed = selection.panel.values["shown"]
    samples = map_layers.samples(selection.experiment, displayed)
    predictions = map_layers.predictions(selection.experiment, displayed)
    visible, codes = _visible(selection, samples), selected(selection, samples)
    note = st.session_state.pop("pick_note", "")
    if note:
        st.info(note, icon=":material/info:")
    if len(codes):
        rows = samples.rows_of(codes)
        _show_picked_proxy(selection, samples)
        _show_counts(selection, samples, rows, predictions.predicted[rows])
        hidden = int((~visible[rows]).sum())
        if hidden:
            st.caption(f"{hidden:,} of them are hidden on the map by “Only classes”.")
    else:
        rows = np.flatnonzero((predictions.predicted != samples.y) & visible)
        by = "" if selection.other is None else " by A"
        if len(rows):
            st.markdown(f"##### {len(rows):,} of {int(visible.sum()):,} samples misclassified{by}")
            prefix = "No selection. " if chosen_sample(selection) is None else ""
            st.caption(f"{prefix}Misclassified samples, smallest margin first (true → predicted).")
        else:
            st.markdown(f"##### All {int(visible.sum()):,} samples classified correctly{by}")
            st.caption("Select samples on the map to see them here.")
    rows = rows[np.argsort(predictions.margin[rows], kind="stable")]
    most = st.session_state.get("thumbnails", FIRST)
    gallery(
        "selected",
        prediction_tiles(selection, samples, rows[:most], predictions),
        label="selected samples" if len(codes) else "misclassified samples",
        chosen=chosen_sample(selection),
        on_click=choose_sample,
    )
    if len(rows) > most:
        st.button(f"Show more ({len(rows) - most:,} left)", on_click=_show_more, args=(most,))
    instead = "Tiles show the class of the nearest proxy and the margin instead of images."
    show_missing_images(selection.experiment.info, "map", instead)


def _visible(selection: Selection, samples: Samples) -> NDArray[np.bool_]:
    """Whether "Only classes" shows each sample."""
    only = selection.panel.values["only"]
    return np.isin(samples.y, only) if only else np.ones(len(samples.y), dtype=bool)


def _show_counts(selection: Selection, samples: Samples, rows: NDArray[np.intp], predicted: NDArray[np.int16]) -> None:
    """Draw how many selected samples are correct, and their most frequent predictions."""
    correct, by = f"{int((predicted == samples.y[rows]).sum()):,} correct", ""
    if selection.other is not None:
        other = selection.experiment.with_(recipe=selection.other)
        also = map_layers.predictions(other, selection.panel.values["shown"]).predicted[rows] == samples.y[rows]
        correct, by = f"{correct} with A, {int(also.sum()):,} with B", " by A"
    left, button = st.columns([3, 1], vertical_alignment="center")
    left.markdown(f"##### {len(rows):,} selected, {correct}")
    button.button("Clear", on_click=select, args=(selection, []), width="stretch")
    labels, counts = np.unique(predicted, return_counts=True)
    frequent = np.argsort(-counts)[:5]
    classes = ", ".join(f"{plain(samples.names[labels[i]])} × {counts[i]}" for i in frequent)
    others = " and others" if len(labels) > 5 else ""
    st.caption(f"Predicted{by} as {classes}{others}. Smallest margin first.")


def _show_picked_proxy(selection: Selection, samples: Samples) -> None:
    """Name the proxy whose samples are selected, if they were selected by a click on its star."""
    a, b = selection.experiment.recipe, selection.other
    for side, recipe in (("", a),) if b is None else ((" of A", a), (" of B", b)):
        proxy = picked_proxy(selection, recipe)
        if proxy is not None:
            model = results.classifier(selection.experiment.with_(recipe=recipe))[0]
            label = model.proxy_class_[proxy]
            number = int((model.proxy_class_[: proxy + 1] == label).sum())
            name = plain(samples.names[int(model.classes_[label])])
            st.markdown(f"**★ Proxy {number} of class {name}{side}**, with a ring on the map. Samples assigned to it:")
            return


def _show_more(most: int) -> None:
    st.session_state.thumbnails = most + 2 * FIRST


def show_differences(selection: Selection, other: Recipe) -> None:
    """Draw how many samples only one recipe, or neither, classifies correctly; a click selects them."""
    displayed = selection.panel.values["shown"]
    samples = map_layers.samples(selection.experiment, displayed)
    a, b = (
        map_layers.predictions(experiment, displayed).predicted == samples.y
        for experiment in (selection.experiment, selection.experiment.with_(recipe=other))
    )
    visible = _visible(selection, samples)
    groups = (("only A correct", a & ~b), ("only B correct", b & ~a), ("both misclassified", ~a & ~b))
    for column, (label, rows) in zip(st.columns(len(groups)), groups, strict=True):
        codes = samples.codes[rows & visible]
        column.button(
            f"{len(codes):,} samples: {label}",
            on_click=select,
            args=(selection, codes.tolist()),
            disabled=not len(codes),
            width="stretch",
            help="Selects them on both maps.",
        )


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
    task = f"{selection.experiment.info.dataset}-{selection.experiment.classes}"
    keys = [f"select-{side}-{task}" for side in ("true", "predicted")]
    with st.popover("Select by class", icon=":material/select_all:"):
        for key, label in zip(keys, ("True class", "Predicted as"), strict=True):
            st.selectbox(label, [None, *present], format_func=lambda c: "any" if c is None else names[c], key=key)
        st.button("Select samples", on_click=_select, args=(selection, keys), width="stretch")


def _select(selection: Selection, keys: list[str]) -> None:
    true, predicted = (st.session_state.get(key) for key in keys)
    select_classes(selection, true, predicted)
