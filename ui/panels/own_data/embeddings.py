"""Embeddings of the user's own: uploaded, checked, kept as a set."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.paths import user_folder
from imprint_core.uploads import read_embeddings
from imprint_core.uploads.example_files import example_npz
from imprint_core.uploads.save_embeddings import save_embeddings
from ui.compute import results
from ui.navigation.links import explore_button
from ui.panels.own_data.upload_formats import ARRAYS
from ui.text.markdown import plain

_MB = 500
_UNKNOWN = ""


def show() -> None:
    """Draw the tab."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.image(ARRAYS, alt="Arrays X of n by d numbers and y of n labels")
        st.download_button("Download a sample file", example_npz, "sample-embeddings.npz", on_click="ignore")
    with left:
        _upload()


def _upload() -> None:
    file = st.file_uploader(
        "Embeddings (.npz, .safetensors or .parquet)",
        type=["npz", "safetensors", "parquet"],
        max_upload_size=_MB,
        key="own_embeddings",
    )
    made_by = st.selectbox(
        "Made with",
        [_UNKNOWN, *FOUNDATION_MODELS],
        format_func=lambda name: FOUNDATION_MODELS[name].label if name else "another model",
        key="own_embeddings_fm",
        help="If you choose one, the embeddings must have its number of dimensions.",
    )
    if file is not None:
        label = st.text_input("Call them", file.name.rsplit(".", 1)[0][:80], max_chars=80)
        if st.button("Keep these embeddings", type="primary"):
            fm = FOUNDATION_MODELS.get(made_by)
            # Whatever comes of this one, it isn't the one before.
            st.session_state.pop("own_embedded", None)
            try:
                with st.spinner("Reading and checking …"):
                    own = read_embeddings(
                        file, file.name.rsplit(".", 1)[-1].lower(), fm.dim if fm else None, fm.label if fm else ""
                    )
                    info = save_embeddings(own, label, fm, user_folder())
            except ImprintError as error:
                st.error(plain(error))
            else:
                st.session_state.own_embedded = (info.fm, info.dataset)
                for note in own.notes:
                    st.info(plain(note), icon=":material/info:")
    kept = results.sets()[0].get(st.session_state.get("own_embedded"))
    if kept is not None:
        samples = kept.meta["samples"]
        st.success(
            f"Kept {samples['train']['count']:,} training and {samples['test']['count']:,} test embeddings of "
            f"{len(kept.class_names)} classes, {kept.meta['fm']['dim']} dimensions."
        )
        explore_button(kept, "explore_embedded")
