"""Compare: what if? A against B, each a recipe on a task, with the uncertainty told."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.figures import comparison
from ui.charts.plot import cached_figure, plot
from ui.charts.record import heading
from ui.controls.sidebar import Selection
from ui.navigation.links import hand_over
from ui.panels.compare.ab_sides import Side, alike, copy_to_b, paired, sides, swap
from ui.panels.compare.numbers import gains, most_changed, show_numbers, show_seeds
from ui.panels.compare.samples import show_samples
from ui.panels.compare.tasks import show_presets, show_tasks
from ui.share.copy_link import copy_link
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("What if? A against B", anchor=False)
    st.caption(
        "**A** is the sidebar's choice, **B** what you choose here. Both are imprinted on the same shots where they "
        "can be and asked about the same test samples, so that luck is the same for both."
    )
    _tools(selection)
    try:
        a, b = sides(selection)
        if alike(a, b):
            st.info("A and B are the same. Change B above, or A in the sidebar.", icon=":material/info:")
        show_numbers(selection, a, b)
        together = paired(a, b)
        if together:
            left, right = st.columns([1, 1], gap="large")
            # The picture is quicker than the thumbnails.
            with right:
                _classes(selection, a, b)
            with left:
                show_samples(selection, a, b)
        else:
            st.info(
                "A and B have other test samples, so nothing can be compared sample by sample: no McNemar test, no "
                "samples that change sides.",
                icon=":material/info:",
            )
        left, right = st.columns([1, 1], gap="large")
        with left:
            show_tasks(selection, a, b)
        with right:
            show_presets(selection, a)
        if together:
            show_seeds(selection, a, b)
    except ImprintError as error:
        st.error(plain(error))


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
            help="B stays as A is now, while you go on changing A in the sidebar.",
        )
        copy_link()


def _classes(selection: Selection, a: Side, b: Side) -> None:
    heading("Class by class", "compare-classes")
    names, values, told = gains(a, b, selection.seeds)
    key = (
        "classes",
        a.experiment.key,
        b.experiment.key,
        selection.seeds,
    )
    plot(
        "compare-classes",
        cached_figure(key, lambda: comparison.differences(names, values, told, "A", "B")),
        alt="A less B in points, class by class: " + "; ".join(told[:20]),
        height=min(70 + 26 * len(names), 700),
    )
    st.caption(
        f"Share of each class's test samples that are right, A less B, mean over seeds. {most_changed(names, values)}"
    )


if __name__ == "__main__":
    hand_over("compare")
