"""Camera: record a few shots per class from a camera, recorded frames, a drawing pad or files; classify frames live."""

from __future__ import annotations

import streamlit as st

from ui.controls.sidebar import Selection
from ui.navigation.page_switches import hand_over
from ui.server.classroom import is_teacher
from ui.widgets.fm_choice import show_missing_weights
from ui.widgets.jobs import show_jobs


def show(selection: Selection) -> None:
    """Draw the page."""
    st.title("Camera", anchor=False)
    machine = "this" if is_teacher() else "the teacher's"
    st.caption(
        "Record a few shots of two things; at most n per class become proxies at once, and each frame gets the class "
        f"of its nearest proxy. Images stay in the memory of {machine} machine until this tab is closed or reloaded."
    )
    if show_missing_weights(selection.experiment.info, "camera"):
        return
    # Imported late because they load scikit-learn, which the first page does not need.
    from ui.camera.live import live_state, show_live
    from ui.panels.camera.digits import show_digits
    from ui.panels.camera.download import show_download
    from ui.panels.camera.saving import show_saving
    from ui.widgets.fm_own_classes import own_classes_switch

    fm, recipe = selection.experiment.info.fm, selection.experiment.recipe
    with st.container(horizontal=True, gap="medium"):
        head = own_classes_switch(fm, "camera")
        digits = st.toggle(
            "Compare with MNIST's digits",
            key="camera_digits",
            persist_state="session",
            help="Classifies drawings by proxies of MNIST's digits, without recorded shots. Default: off.",
        )
    with st.container():
        if digits:
            show_digits(selection.experiment)
            return
    state = live_state("camera")
    state.most_shots = selection.experiment.n_shot
    show_live("camera", state, fm, recipe, head)
    with st.container(horizontal=True):
        show_saving(fm)
        show_download(selection, state, head)
    show_jobs()


if __name__ == "__main__":
    hand_over("camera")
