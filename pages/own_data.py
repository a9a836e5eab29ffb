"""Your own data: images, embeddings and weights become tasks like any other; one image is tried, a class added."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from ui.controls.sidebar import Selection
from ui.navigation.links import hand_over
from ui.panels.own_data import embeddings as own_embeddings
from ui.panels.own_data import images as own_images
from ui.text.markdown import plain
from ui.widgets.jobs import show_job_error, show_jobs


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Your own data", anchor=False)
    st.caption("Bring images or embeddings, try an image, add a class. Nothing leaves this machine.")
    show_job_error()
    titles = ["Images", "Embeddings", "Try one image", "Add a class"]
    images, embeddings, one_image, new_class = st.tabs(titles, key="own_tab", on_change="rerun")
    # These two always, for a file that was uploaded is forgotten where its box isn't drawn.
    with images:
        own_images.show(selection.info.fm)
    with embeddings:
        own_embeddings.show()
    # These from when they were first opened, for the same reason.
    opened = st.session_state.setdefault("own_opened", set())
    for tab, name in ((one_image, "show_trial"), (new_class, "show_added")):
        if tab.open:
            opened.add(name)
        if name in opened:
            # Here, for it imports scikit-learn, which the first page does without.
            from ui.panels.own_data import add_class, try_image

            draw = {"show_trial": try_image.show_trial, "show_added": add_class.show_added}[name]
            with tab:
                try:
                    draw(selection)
                except ImprintError as error:
                    st.error(plain(error))
    # Below, beside the button that begins one.
    show_jobs()


if __name__ == "__main__":
    hand_over("own_data")
