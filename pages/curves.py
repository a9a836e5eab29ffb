"""Curves: accuracy, macro-F1 or NC1 over k, n-shot or λ, for several recipes, FMs and datasets."""

from __future__ import annotations

import streamlit as st

from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.curves.controls import axis_of
from ui.panels.curves.grid import caption_of, show_charts
from ui.panels.curves.series import charts_of
from ui.text.markdown import plain


def show(selection: Selection) -> None:
    """Draw the page."""
    _show_curves(selection)
    if selection.panel.values["beside"]:
        # Imported late because it loads scikit-learn.
        from ui.panels.curves.beside import show_beside

        show_beside(selection)


def _show_curves(selection: Selection) -> None:
    st.title("Curves", anchor=False)
    st.caption("One chart for each FM and dataset, one line for each recipe.")
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        draw("measure", 270)
        draw("over", 190)
        draw("curve_paper")
        draw("beside")
    # Selected options stand in one line, which needs space.
    columns = st.columns([3, 3, 4], gap="small")
    for column, key in zip(columns, ("curve_fms", "curve_data", "curve_recipes"), strict=True):
        with column:
            draw(key)
    charts, remarks = charts_of(selection)
    if not charts:
        st.info(" ".join(plain(remark) for remark in dict.fromkeys(remarks)), icon=":material/info:")
        return
    if axis_of(selection.panel.values) == "lam" and all(line.flat for line, _, _ in charts[0].lines):
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.info(
            "None of these recipes depends on λ, the ridge penalty of least squares. Add the Oracle, or choose GEN "
            "least squares in the sidebar.",
            icon=":material/info:",
        )
        right.button("Add Oracle", on_click=_add_oracle, args=(selection,), width="stretch", key="add_oracle")
        return
    show_charts(selection, charts)
    st.caption(caption_of(selection, charts, remarks))


def _add_oracle(selection: Selection) -> None:
    st.session_state.curve_recipes = [*selection.panel.values["curve_recipes"], "oracle"]


if __name__ == "__main__":
    hand_over("curves")
