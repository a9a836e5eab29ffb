"""Tab for uploaded embeddings: check them and save them as a set."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS
from imprint_core.uploads.embedding_sets import save_embeddings
from imprint_core.uploads.example_files import example_npz
from imprint_core.uploads.formats import EMBEDDING_FORMATS, read_embeddings
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.panels.own_data.upload_controls import ARRAY_LAYOUT, suffix_of, upload_file
from ui.server.classroom import is_teacher
from ui.server.visitor_uploads import MOST_BYTES, MOST_SETS, check_quota, upload_folder
from ui.text.markdown import plain

_OTHER_MODEL = ""


def show() -> None:
    """Draw the tab."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.image(ARRAY_LAYOUT, alt="Arrays X of n by d numbers and y of n labels")
        st.download_button("Download example file", example_npz, "example-embeddings.npz", on_click="ignore")
    with left:
        _upload()


def _upload() -> None:
    file = upload_file("Embeddings", EMBEDDING_FORMATS, "own_embeddings")
    fm_name = st.selectbox(
        "Foundation model",
        [_OTHER_MODEL, *FOUNDATION_MODELS],
        format_func=lambda name: FOUNDATION_MODELS[name].label if name else "another model",
        key="own_embeddings_fm",
        help="The model that computed the embeddings. Its number of dimensions is checked. Default: another model.",
    )
    if not is_teacher():
        st.caption(
            f"In classroom mode your uploads are visible to you only, at most {MOST_SETS} sets of "
            f"{MOST_BYTES // 10**6} MB in total. They are deleted when you leave."
        )
    if file is not None:
        label = st.text_input("Dataset name", file.name.rsplit(".", 1)[0][:80], max_chars=80)
        if st.button("Save embeddings", type="primary"):
            fm = FOUNDATION_MODELS.get(fm_name)
            # After an error the previous upload must not be displayed beside it.
            st.session_state.pop("own_embedded", None)
            try:
                with st.spinner("Reading and checking …"):
                    embeddings = read_embeddings(file, suffix_of(file), fm)
                    check_quota(embeddings.X_train.nbytes + embeddings.X_test.nbytes)
                    info = save_embeddings(embeddings, label, fm, upload_folder())
            except ImprintError as error:
                st.error(plain(error))
            else:
                st.session_state.own_embedded = (info.fm, info.dataset)
                for note in embeddings.notes:
                    st.info(plain(note), icon=":material/info:")
    saved = results.sets()[0].get(st.session_state.get("own_embedded"))
    if saved is not None:
        samples = saved.meta["samples"]
        st.success(
            f"Saved {samples['train']['count']:,} training and {samples['test']['count']:,} test embeddings of "
            f"{len(saved.class_names)} classes, {saved.meta['fm']['dim']} dimensions."
        )
        explore_button(saved, "explore_embedded")
