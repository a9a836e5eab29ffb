"""The controls above the map."""

from __future__ import annotations

import streamlit as st

from ui.controls.second_recipe import recipe_text
from ui.controls.sidebar import Selection


def show_toolbar(selection: Selection) -> None:
    """Draw the controls, in rows that wrap on a narrow screen."""
    draw = selection.panel.draw
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, width in (("color", 150), ("shown", 150), ("only", 170), ("against", 180), ("sample", 150)):
            draw(key, width)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        for key in ("shots", "regions", "lines"):
            draw(key)
        with st.popover("Layout", icon=":material/tune:"):
            if selection.layout.method == "umap":
                for key in ("neighbors", "min_dist", "map_seed"):
                    draw(key)
            else:
                st.caption("PCA has no parameters. Choose UMAP for Map in the sidebar to set some.")
        if selection.other is None:
            st.button(
                "Keep recipe as B",
                on_click=_keep,
                args=(selection,),
                help="Copies the current recipe into “Compare with”, so that you can change it and compare both.",
            )


def _keep(selection: Selection) -> None:
    st.session_state.against = recipe_text(selection.panel.values)
