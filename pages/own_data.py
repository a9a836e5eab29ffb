"""Your own data: bring images, see what was read and explore it; try an image, add a class, bring embeddings."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.panels.own_data import embeddings as own_embeddings
from ui.panels.own_data import images as own_images
from ui.server.classroom import is_teacher
from ui.text.markdown import plain
from ui.widgets.jobs import show_jobs


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Your own data", anchor=False)
    machine = "this" if is_teacher() else "the teacher's"
    st.caption(
        "Bring images, see what was read, embed and explore them; try an image; add a class. All data stays on "
        f"{machine} machine."
    )
    titles = ["Bring images", "Try an image", "Add a class", "Bring embeddings"]
    images, one_image, new_class, embeddings = st.tabs(titles, key="own_tab", on_change="rerun")
    # Always drawn: Streamlit discards an uploaded file if its uploader is not drawn.
    with images:
        own_images.show(selection.experiment.info.fm)
    with embeddings:
        own_embeddings.show()
    # Drawn once they have been opened, for the same reason.
    opened = st.session_state.setdefault("own_opened", set())
    for tab, title in ((one_image, "image"), (new_class, "class")):
        if tab.open:
            opened.add(title)
        if title in opened:
            # Imported late because they load scikit-learn, which the first page does not need.
            from ui.panels.own_data.new_class import show_new_class
            from ui.panels.own_data.try_image import show_try_image

            with tab:
                try:
                    (show_try_image if title == "image" else show_new_class)(selection.experiment)
                except ImprintError as error:
                    st.error(plain(error))
    # Below the tabs, near the button that starts a job.
    show_jobs()


if __name__ == "__main__":
    hand_over("own_data")
