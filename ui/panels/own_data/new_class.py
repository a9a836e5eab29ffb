"""Tab that adds a class to the task in the sidebar, in the dialog that Explore opens, too."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st
from streamlit.errors import StreamlitInvalidLayoutContextError

from imprint_core.embeddings.added_classes import added_names
from imprint_core.evaluation.experiment import Experiment
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain
from ui.widgets.add_class import add_class_dialog, show_added_classes


def show_new_class(experiment: Experiment) -> None:
    """Draw the button that opens the dialog, and the added classes."""
    info = experiment.info
    st.markdown(
        f"A few images, or a class of another dataset, join the task in the sidebar at once: "
        f"{plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}. No weight of the model changes."
    )
    if st.button("Add a class", type="primary", icon=":material/add_circle:", key="own_add_class"):
        # A forged message may press the button of another dialog, too; only one can be open.
        with suppress(StreamlitInvalidLayoutContextError):
            add_class_dialog(experiment)
    if not added_names(info):
        st.caption("No classes added.")
    show_added_classes(experiment)
