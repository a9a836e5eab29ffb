"""Tab for uploaded images: check, save and embed them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import streamlit as st
from PIL import Image

from imprint_core.datasets import dataset
from imprint_core.datasets.own_images import OwnImages, find_own_images, read_own_images
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.errors import ImprintError
from imprint_core.paths import images_folder
from imprint_core.uploads.example_files import example_zip
from imprint_core.uploads.formats import IMAGE_FORMATS
from imprint_core.uploads.saving import import_classes, import_file
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.panels.own_data.upload_controls import FOLDER_LAYOUT, suffix_of, upload_file
from ui.server.classroom import is_teacher, require_teacher
from ui.text.labels import distinct_labels
from ui.text.markdown import plain
from ui.widgets.fm_choice import choose_fm, describe_weights, show_no_weights_notice
from ui.widgets.jobs import run_action, start_embedding
from ui.widgets.upload_images import left_out_list, upload_images


def show(default_fm: str) -> None:
    """Draw the tab; `default_fm` is the FM that is selected first."""
    if not is_teacher():
        st.info(
            "In classroom mode the teacher uploads and embeds images. "
            "The other tabs take embeddings and single images.",
            icon=":material/school:",
        )
        return
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.image(FOLDER_LAYOUT, alt="A zip with one folder per class, which contains its images")
        st.download_button(
            "Download example zip", example_zip, "example-images.zip", "application/zip", on_click="ignore"
        )
    with left:
        source = st.segmented_control(
            "Upload as",
            ["file", "classes"],
            default="file",
            required=True,
            format_func={"file": "One file", "classes": "Images per class"}.get,
            key="own_source",
        )
        if source == "file":
            _upload_file()
        else:
            _upload_classes()
    datasets, problems = find_own_images(images_folder())
    for problem in problems:
        st.warning(plain(problem), icon=":material/warning:")
    if datasets:
        datasets.sort(key=lambda images: images.path.stat().st_mtime, reverse=True)
        st.markdown("##### Your images")
        _show_datasets(datasets, default_fm)


def _upload_file() -> None:
    file = upload_file("Images", IMAGE_FORMATS, "own_zip")
    if file is None:
        return
    label = _dataset_name(file.name.rsplit(".", 1)[0])
    if st.button("Save images", type="primary", key="save_file"):
        _save(partial(import_file, file, suffix_of(file), label))


def _upload_classes() -> None:
    st.session_state.setdefault("own_class_count", 2)
    files: dict[str, list[tuple[str, BinaryIO]]] = {}
    unnamed = False
    for i in range(st.session_state.own_class_count):
        left, right = st.columns([1, 2])
        name = left.text_input(f"Class {i + 1}", key=f"class_name_{i}", max_chars=80)
        with right:
            uploads = upload_images(f"Images of class {i + 1}", f"class_files_{i}")
        if uploads:
            unnamed = unnamed or not name.strip()
            files.setdefault(name, []).extend((file.name, file) for file in uploads)
    st.button("Add class", on_click=_increment_classes)
    if files:
        label = _dataset_name("my images")
        if st.button("Save images", type="primary", key="save_classes"):
            if unnamed:
                st.error("A class has no name; enter one beside its images.")
            else:
                _save(partial(import_classes, files, label))


def _increment_classes() -> None:
    st.session_state.own_class_count += 1


def _dataset_name(default: str) -> str:
    return st.text_input("Dataset name", default[:80], max_chars=80, key=f"own_label_{default}")


def _save(save: Callable[[Path, Callable[[int, int], None]], OwnImages]) -> None:
    """Check and save images; after an error the upload stays."""
    bar = st.progress(0.0, text="Reading the file …")
    try:
        require_teacher("Saving images")
        images = save(
            images_folder(),
            lambda done, total: bar.progress(done / total, text=f"Checking image {done:,} of {total:,}"),
        )
    except ImprintError as error:
        st.error(plain(error))
        return
    finally:
        bar.empty()
    st.session_state.own_chosen = images.name
    count = sum(map(sum, images.counts))
    st.success(f"Saved {count:,} images of {len(images.class_names)} classes. Next, embed them below.")
    left_out = [(name, reason) for name, reason, kind in images.left_out if kind != "system"]
    if left_out:
        st.warning(left_out_list(left_out))


def _show_datasets(datasets: list[OwnImages], default_fm: str) -> None:
    by_name = {images.name: images for images in datasets}
    if st.session_state.get("own_chosen") not in by_name:
        st.session_state.own_chosen = datasets[0].name
    labels = distinct_labels({name: images.label for name, images in by_name.items()})
    images = by_name[st.selectbox("Dataset", list(by_name), format_func=labels.get, key="own_chosen")]
    train, test = (sum(count[i] for count in images.counts) for i in (0, 1))
    names = ", ".join(plain(name) for name in images.class_names[:12])
    st.caption(
        f"{len(images.class_names)} classes ({names}{' …' if len(images.class_names) > 12 else ''}); "
        f"{train:,} training and {test:,} test images."
    )
    if images.left_out:
        with st.expander(f"Files left out: {len(images.left_out):,}"):
            rows = pd.DataFrame(images.left_out, columns=["File", "Reason", "Kind"])
            st.dataframe(rows[["File", "Reason"]], hide_index=True)
    try:
        thumbnails = _thumbnails(images.name, images)
    except ImprintError as error:
        st.error(plain(error))
        return
    st.image(thumbnails, width=104, alt=[f"An image of class {name}" for name in images.class_names[: len(thumbnails)]])
    for (_, name), info in results.sets()[0].items():
        if name == images.name:
            left, right = st.columns([3, 1], vertical_alignment="center")
            left.markdown(f"Embedded by {plain(info.meta['fm']['label'])}.")
            with right:
                explore_button(info, f"explore_{info.path.stem}")
    no_weights = show_no_weights_notice()
    fm = choose_fm("own_fm", default_fm)
    if fm is not None:
        if not no_weights:
            st.caption(describe_weights(fm))
        left, middle, _ = st.columns([1, 1, 2])
        if left.button("Embed images", type="primary", width="stretch", key="own_embed"):
            start_embedding(fm, dataset(images.name), "all", "all")
        with middle.popover("Remove", width="stretch"):
            st.markdown("Delete these images from disk? Their embeddings remain.")
            st.button("Delete images", on_click=run_action, args=(_delete, images), type="primary")


@st.cache_resource(max_entries=8, show_spinner=False)
def _thumbnails(name: str, _images: OwnImages) -> list[Image.Image]:
    """Thumbnails of the first image of each of the first eight classes; `name` identifies the dataset's content."""
    _, splits = read_own_images(_images.path)
    rows = [int((splits.train.labels == c).argmax()) for c in range(min(8, len(_images.class_names)))]
    return [thumbnail(splits.train.load(row), 96, 8) for row in rows]


def _delete(images: OwnImages) -> None:
    require_teacher("Deleting images")
    try:
        images.path.unlink(missing_ok=True)
    except OSError as error:
        raise ImprintError(
            f"'{images.label}' could not be deleted ({error.strerror}). Delete the file yourself."
        ) from error
