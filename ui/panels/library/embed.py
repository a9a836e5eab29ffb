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
from ui.widgets.fm_choice import choose_fm, show_weights
from ui.widgets.jobs import start_embedding
from ui.widgets.missing_images import show_images

_PER_CLASS = (20, 50, 100, 200, 300, 500, 1000, 2000, "all")


def show_embedding_form(default_fm: str) -> None:
    """Draw the form; `default_fm` is selected at first, if its weights are available."""
    if not is_teacher():
        st.info("In classroom mode the teacher embeds datasets.", icon=":material/school:")
        return
    left, right = st.columns(2)
    with left:
        fm = choose_fm("library_fm", default_fm)
        has_weights = fm is not None and show_weights(fm, "library")
    with right:
        data = _choose_dataset()
        has_images = data is not None and show_images(data, "library_images")
    a, b, c = st.columns([2, 2, 1], vertical_alignment="bottom")
    options = {"options": list(_PER_CLASS), "persist_state": "session"}
    train = a.select_slider("Training images per class", value=200, key="library_train", **options)
    test = b.select_slider("Test images per class", value=100, key="library_test", **options)
    is_ready = has_weights and has_images
    start = c.button("Embed dataset", type="primary", width="stretch", disabled=not is_ready)
    if fm is None or data is None:
        return
    if not is_ready:
        missing = ["weights"] * (not has_weights) + ["images"] * (not has_images)
        st.caption(f"To embed the dataset, first add the missing {' and '.join(missing)} above.")
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
