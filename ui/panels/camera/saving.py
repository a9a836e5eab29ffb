"""Keeping the recorded shots as a dataset for every page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imprint_core.datasets import dataset
from imprint_core.datasets.image_files import images_by_class
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.paths import images_folder
from imprint_core.uploads.saving import save_images
from ui.camera.live import live_state
from ui.camera.shots import ShotList
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.server.classroom import is_teacher, require_teacher
from ui.text.markdown import plain
from ui.widgets.jobs import start_embedding


def show_saving(fm: str) -> None:
    """Draw the name and the button; once saved, the way to Explore."""
    if not is_teacher():
        st.caption("In classroom mode only the teacher can keep shots as a set.")
        return
    with st.expander("Keep as a set", icon=":material/save:"):
        name = st.text_input("Dataset name", "My shots", max_chars=80, key="camera_set_name")
        if st.button("Keep as a set", type="primary", key="camera_keep"):
            try:
                require_teacher("Saving images")
                images = save_images(images_by_class(image_files(live_state("camera").shots)), name, images_folder())
            except ImprintError as error:
                st.error(plain(error))
            else:
                st.session_state.camera_set = images.name
                start_embedding(foundation_model(fm), dataset(images.name), "all", "all")
        saved = results.sets()[0].get((fm, st.session_state.get("camera_set", "")))
        if saved is not None:
            st.success("The shots are embedded, and available on every page.")
            explore_button(saved, "explore_camera")


def image_files(shots: ShotList) -> dict[str, list[tuple[str, Callable[[], bytes]]]]:
    """Files of the shots by class, as `images_by_class` takes them; classes without shots are left out."""
    return {
        c.name: [(f"{shot.number:06d}.jpg", lambda data=shot.image: data) for shot in c.shots]  # type: ignore[misc]
        for c in shots.classes
        if c.shots
    }
