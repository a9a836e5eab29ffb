"""Explore: accuracy, proxies on a map, curves and errors of one experiment."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings.added_classes import added_names
from imprint_core.errors import ImprintError
from ui.charts.experiment_curves import show_accuracy_over_k, show_nc1, show_nc1_over_shots
from ui.charts.record import heading
from ui.compute.experiment_results import ExperimentResults
from ui.compute.results import evaluated_so_far
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.explore.diagram import show_framework
from ui.panels.explore.figures import show_calibration, show_confusion, show_map, show_sources
from ui.panels.explore.numbers import show_accuracy, show_further_seeds
from ui.panels.explore.tries import show_tries
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    experiment, further_seeds = evaluated_so_far(selection.experiment)
    view = ExperimentResults(experiment)
    st.title("Explore weight imprinting", anchor=False)
    st.caption(
        "A frozen model embeds images; a few **shots** ○ per class become **proxies** ★; a test image is assigned the "
        "class of its most similar proxy."
    )
    # The containers come first, so that the fastest figure can be drawn first.
    tries, remarks = st.container(), st.container()
    left, right = st.columns([3, 4], gap="medium")
    with left:
        numbers = st.container()
        heading("Accuracy over k", "accuracy-over-k")
        curve = st.container()
    with right:
        heading("Proxies among the embeddings", "map")
        map_container = st.container()
    heading("From image to class")
    show_framework(selection.experiment)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        heading("Confusion matrix", "confusion")
        matrix = st.container()
    with right:
        heading("Neural collapse (NC1) over n-shot", "nc1-over-shots")
        nc1 = st.container()
    calibration = st.container()
    try:
        with numbers:
            show_accuracy(view, remarks)
            show_further_seeds(further_seeds)
        with tries:
            show_tries(selection)
            if added_names(selection.experiment.info):
                from ui.widgets.add_class import show_added_classes

                show_added_classes(experiment)
        with map_container:
            show_map(selection, view)
        with matrix:
            show_confusion(selection, view)
        with curve:
            show_accuracy_over_k(view, waiting=bool(further_seeds))
        with nc1:
            show_nc1(view)
            show_nc1_over_shots(view, "nc1-over-shots")
        with calibration:
            show_calibration(view)
    except ImprintError as error:
        st.error(plain(error))
    show_sources(view)


if __name__ == "__main__":
    hand_over("explore")
