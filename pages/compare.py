"""Compare: A against B, each a recipe on a task, with the uncertainty of their difference."""

from __future__ import annotations

import streamlit as st

from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.compare.ab_sides import copy_to_b, paired, sides, swap
from ui.panels.compare.numbers import show_classes, show_numbers, show_presets, show_seeds
from ui.panels.compare.samples import show_samples
from ui.panels.compare.tasks import show_tasks
from ui.share.copy_link import copy_link


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("A against B", anchor=False)
    st.caption(
        "**A** is the sidebar's selection, **B** is selected here. If possible, both are imprinted on the same shots "
        "and evaluated on the same test samples, so that their difference depends less on the draw."
    )
    _tools(selection)
    a, b = sides(selection)
    if a.experiment == b.experiment:
        st.info("A and B are the same. Change B above, or A in the sidebar.", icon=":material/info:")
    show_numbers(a, b)
    if paired(a, b):
        left, right = st.columns([1, 1], gap="large")
        # The figure is faster than the thumbnails.
        with right:
            show_classes(a, b)
        with left:
            show_samples(selection, a, b)
    else:
        st.info(
            "A and B have different test samples, so there is no comparison sample by sample and no McNemar test.",
            icon=":material/info:",
        )
    left, right = st.columns([1, 1], gap="large")
    with left:
        show_tasks(selection, a, b)
    with right:
        show_presets(a)
    if paired(a, b):
        show_seeds(a, b)


def _tools(selection: Selection) -> None:
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("b", 280), ("b_fm", 180), ("b_data", 180), ("b_n", 130)):
            draw(key, width)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button("Swap A and B", icon=":material/swap_horiz:", on_click=swap, args=(selection,))
        st.button(
            "Copy A to B",
            icon=":material/content_copy:",
            on_click=copy_to_b,
            args=(selection,),
            help="B keeps the current settings of A while you change A in the sidebar.",
        )
        copy_link()


if __name__ == "__main__":
    hand_over("compare")
