"""Library: available embedding sets, and embedding of datasets."""

from __future__ import annotations

import streamlit as st

from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.library.embed import show_embedding_form
from ui.panels.library.sets import show_sets
from ui.server.classroom import is_teacher
from ui.widgets.jobs import show_jobs


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Library", anchor=False)
    machine = "this" if is_teacher() else "the teacher's"
    st.caption(
        "An **embedding set** holds one vector per image of a dataset, computed by a frozen foundation model. "
        f"Embedding takes minutes, once. Imprinting on the set takes milliseconds. All data stays on {machine} machine."
    )
    st.markdown("##### Available embedding sets")
    show_sets()
    st.markdown("##### Embed a dataset")
    show_embedding_form(selection.experiment.info.fm)
    # Below the button that starts a job.
    show_jobs()


if __name__ == "__main__":
    hand_over("library")
