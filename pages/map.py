"""Map: proxies among embeddings, selected samples, and explanations of predictions."""

from __future__ import annotations

import streamlit as st

from ui.compute import results
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.map.maps import show_layouts, show_maps, show_toolbar
from ui.panels.map.selected_samples import show_confusion
from ui.text.labels import count_text
from ui.widgets import base_maps


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Proxies among embeddings", anchor=False)
    st.caption(
        "Each marker is the embedding of an image, each star ★ a proxy. Draw a lasso, or click a sample, a star or a "
        "cell of the confusion matrix, to see images and explanations."
    )
    pool = results.pool(selection.experiment)
    if pool.resplit:
        st.caption(
            f"This page shows the proxies of one split, with {len(pool.y_test)} test samples; other samples may be "
            "their shots. The accuracy on other pages is computed on all "
            f"{count_text(len(pool.evaluated.y_test), selection.experiment.info)} in turn."
        )
    show_toolbar(selection)
    maps = st.container()
    base = base_maps.current_map(selection.experiment, selection.layout)
    with maps:
        show_maps(selection, base)
    left, right = st.columns([1, 1], gap="large")
    with left:
        show_confusion(selection)
    with right:
        show_layouts(selection)


if __name__ == "__main__":
    hand_over("map")
