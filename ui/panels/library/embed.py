"""Form that embeds a dataset with a foundation model."""

from __future__ import annotations

import streamlit as st

from imprint_core.datasets import DATASETS, Dataset, dataset
from imprint_core.datasets.own_images import find_own_images
from imprint_core.errors import ImprintError
from imprint_core.paths import data_folder, images_folder
from ui.compute import results
from ui.server.classroom import is_teacher
from ui.text.labels import distinct_labels
from ui.text.markdown import plain
from ui.widgets.fm_choice import choose_fm, describe_weights, show_no_weights_notice, upload_weights
from ui.widgets.jobs import start_embedding

_PER_CLASS = (20, 50, 100, 200, 300, 500, 1000, 2000, "all")


def show_embedding_form(default_fm: str) -> None:
    """Draw the form; `default_fm` is selected at first, if its weights are available."""
    if not is_teacher():
        st.info("In classroom mode the teacher embeds datasets.", icon=":material/school:")
        return
    no_weights = show_no_weights_notice()
    left, right = st.columns(2)
    with left:
        fm = choose_fm("library_fm", default_fm)
    with right:
        data = _choose_dataset()
    a, b, c = st.columns([2, 2, 1], vertical_alignment="bottom")
    options = {"options": list(_PER_CLASS), "persist_state": "session"}
    train = a.select_slider("Training images per class", value=200, key="library_train", **options)
    test = b.select_slider("Test images per class", value=100, key="library_test", **options)
    start = c.button("Embed dataset", type="primary", width="stretch", disabled=fm is None or data is None)
    if fm is not None and data is not None:
        if not no_weights:
            st.caption(describe_weights(fm))
        st.caption(_describe_images(data))
        existing = results.sets()[0].get((fm.name, data.name))
        if existing is not None:
            bundled = " The bundled set is kept, and is used again when you remove yours."
            st.warning(
                "An embedding set of this FM and dataset exists "
                f"({existing.meta['samples']['train']['count']:,} training samples). "
                "The new set replaces it on all pages and in all links."
                + (bundled if existing.bundled or existing.overrides_bundled else ""),
                icon=":material/info:",
            )
        if start:
            start_embedding(fm, data, train, test)
    if fm is not None:
        upload_weights(fm)


def _choose_dataset() -> Dataset | None:
    uploaded, _ = find_own_images(images_folder())
    labels = distinct_labels(
        {name: d.label for name, d in DATASETS.items()} | {images.name: images.label for images in uploaded}
    )
    root = data_folder()
    available = [images.name for images in uploaded] + [name for name, d in DATASETS.items() if d.present(root)]
    name = st.selectbox(
        "Dataset",
        available + [name for name in DATASETS if name not in available],
        format_func=lambda name: labels.get(name, name) + (" · images available" if name in available else ""),
        key="library_data",
        persist_state="session",
        help="The images to embed. Add your own images on the page “Your own data”.",
    )
    try:
        return dataset(str(name))
    except ImprintError as error:
        st.error(plain(error))
        return None


def _describe_images(data: Dataset) -> str:
    if data.present(data_folder()):
        return f"{plain(data.help)} The images are available."
    instruction = f"the dataset into {plain(data_folder())}, or set IMPRINT\\_DATA to the folder that contains it"
    if data.download:
        return f"The images are missing. Starting downloads {data.download} MB. Or put {instruction}."
    return f"The images are missing and can't be downloaded automatically. Put {instruction}."
