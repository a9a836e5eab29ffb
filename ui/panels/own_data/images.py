"""Tab that brings images: upload them, see what was read, embed them, and explore the set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd
import streamlit as st
from PIL import Image

from imprint_core.background.process import find_jobs
from imprint_core.datasets import dataset
from imprint_core.datasets.own_images import OwnImages, find_own_images, read_own_images
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import FEW_TEST_SAMPLES
from imprint_core.models import FoundationModel
from imprint_core.models.libraries import available_weights
from imprint_core.paths import images_folder, user_folder
from imprint_core.uploads.example_files import example_zip
from imprint_core.uploads.formats import IMAGE_FORMATS
from imprint_core.uploads.saving import import_classes, import_file
from ui.compute import results
from ui.navigation.page_switches import explore_button
from ui.panels.own_data.upload_controls import FOLDER_LAYOUT, suffix_of, upload_file
from ui.server.classroom import is_teacher, require_teacher
from ui.text.labels import distinct_labels
from ui.text.markdown import plain
from ui.widgets.fm_choice import choose_fm, show_weights
from ui.widgets.jobs import run_action, show_job_error, start_embedding
from ui.widgets.upload_images import left_out_list, upload_images

# Classes with a thumbnail, and classes that are named.
_MOST_THUMBNAILS, _MOST_NAMES = 8, 12


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
    with left:
        # Before an upload, so that nobody uploads images that can't be embedded.
        fm = choose_fm("own_fm", default_fm)
        is_ready = fm is not None and (available_weights(fm) is not None or show_weights(fm, "own"))
        source = st.segmented_control(
            "Upload as",
            ["file", "classes"],
            default="file",
            required=True,
            format_func={"file": "One file", "classes": "Images per class"}.get,
            key="own_source",
        )
        is_uploaded = _upload_file() if source == "file" else _upload_classes()
    if not is_uploaded:
        with right:
            st.image(FOLDER_LAYOUT, alt="A zip with one folder per class, which contains its images")
            st.download_button(
                "Download example zip", example_zip, "example-images.zip", "application/zip", on_click="ignore"
            )
    datasets, problems = find_own_images(images_folder())
    for problem in problems:
        st.warning(plain(problem), icon=":material/warning:")
    if datasets:
        datasets.sort(key=lambda images: images.path.stat().st_mtime, reverse=True)
        _show_datasets(datasets, fm if is_ready else None)


def _upload_file() -> bool:
    """Draw the uploader of one file, and save its images; return whether there is a file."""
    file = upload_file("Images", IMAGE_FORMATS, "own_zip")
    if file is None:
        return False
    label = _dataset_name(file.name.rsplit(".", 1)[0])
    # Read as soon as it is uploaded, once under each name.
    key = file.file_id, label
    if st.session_state.get("own_read", (None,))[0] != key:
        st.session_state.own_read = key, *_save(partial(import_file, file, suffix_of(file), label))
    _show_result(*st.session_state.own_read[1:])
    return True


def _upload_classes() -> bool:
    """Draw the uploaders of each class; return whether there is an image."""
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
                _show_result(*_save(partial(import_classes, files, label)))
    return bool(files)


def _increment_classes() -> None:
    st.session_state.own_class_count += 1


def _dataset_name(default: str) -> str:
    return st.text_input("Dataset name", default[:80], max_chars=80, key=f"own_label_{default}")


def _save(save: Callable[[Path, Callable[[int, int], None]], OwnImages]) -> tuple[OwnImages | None, str]:
    """Check and save images; return them, or None and what is wrong. The upload stays."""
    bar = st.progress(0.0, text="Reading the file …")
    try:
        require_teacher("Saving images")
        images = save(
            images_folder(),
            lambda done, total: bar.progress(done / total, text=f"Checking image {done:,} of {total:,}"),
        )
    except ImprintError as error:
        return None, str(error)
    finally:
        bar.empty()
    st.session_state.own_chosen = images.name
    return images, ""


def _show_result(images: OwnImages | None, error: str) -> None:
    """Report that images were saved, unless they have been deleted since, or what is wrong with them."""
    if images is None:
        st.error(plain(error))
    elif images.path.exists():
        count = sum(map(sum, images.counts))
        st.success(f"Saved {count:,} images of {len(images.class_names)} classes.")
        left_out = [(name, reason) for name, reason, kind in images.left_out if kind != "system"]
        if left_out:
            st.warning(left_out_list(left_out))


def _show_datasets(datasets: list[OwnImages], fm: FoundationModel | None) -> None:
    """Draw what was read of the chosen dataset, and the next step: to embed it by an FM, then to explore it."""
    by_name = {images.name: images for images in datasets}
    if st.session_state.get("own_chosen") not in by_name:
        st.session_state.own_chosen = datasets[0].name
    labels = distinct_labels({name: images.label for name, images in by_name.items()})
    if len(datasets) > 1:
        st.selectbox("Dataset", list(by_name), format_func=labels.get, key="own_chosen")
    images = by_name[st.session_state.own_chosen]
    st.markdown(f"##### Dataset: {plain(labels[images.name])}")
    _show_contents(images)
    sets = [info for (_, name), info in results.sets()[0].items() if name == images.name]
    for info in sets:
        _show_embedded(info)
    if any(job.running and job.name.endswith(f"__{images.name}") for job in find_jobs(user_folder())):
        st.caption("These images are being embedded; the progress is shown below.")
        return
    _show_actions(images, fm, is_embedded=bool(sets))


def _show_contents(images: OwnImages) -> None:
    train, test = (sum(count[i] for count in images.counts) for i in (0, 1))
    named = zip(images.class_names[:_MOST_NAMES], images.counts, strict=False)
    names = ", ".join(f"{plain(name)} {sum(count):,}" for name, count in named)
    more = " …" if len(images.class_names) > _MOST_NAMES else ""
    if not images.held_out:
        split = f"{train:,} training and {test:,} test images."
    elif test < FEW_TEST_SAMPLES:
        split = "There is no test split and there are few images, so accuracy is computed on all of them in turn."
    else:
        split = f"There is no test split, so a quarter of each class, {test:,} images, is held out for testing."
    st.markdown(f"{train + test:,} images of {len(images.class_names)} classes: {names}{more}. {split}")
    try:
        thumbnails = _thumbnails(images.name, images)
    except ImprintError as error:
        st.error(plain(error))
    else:
        shown = images.class_names[: len(thumbnails)]
        st.image(thumbnails, [plain(name) for name in shown], width=104, alt=[f"An image of class {n}" for n in shown])
    if images.left_out:
        with st.expander(f"Files left out: {len(images.left_out):,}"):
            rows = pd.DataFrame(images.left_out, columns=["File", "Reason", "Kind"])
            st.dataframe(rows[["File", "Reason"]], hide_index=True)


def _show_embedded(info: SetInfo) -> None:
    with st.container(border=True):
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.markdown(f"Embedded by {plain(info.meta['fm']['label'])}.")
        with right:
            explore_button(info, f"explore_{info.path.stem}")


def _show_actions(images: OwnImages, fm: FoundationModel | None, is_embedded: bool) -> None:
    """Draw the buttons that embed the images, by an FM with available weights, or delete them."""
    with st.container(horizontal=True, gap="small"):
        kind: Literal["primary", "secondary"] = "secondary" if is_embedded else "primary"
        if st.button("Embed images", type=kind, key="own_embed", disabled=fm is None) and fm:
            start_embedding(fm, dataset(images.name), "all", "all")
        with st.popover("Remove"):
            st.markdown("Delete these images from disk? Their embeddings remain.")
            st.button("Delete images", on_click=run_action, args=(_delete, images, "images"), type="primary")
    show_job_error("images")


@st.cache_resource(max_entries=8, show_spinner=False)
def _thumbnails(name: str, _images: OwnImages) -> list[Image.Image]:
    """Thumbnails of the first image of each of the first classes; `name` identifies the dataset's content."""
    _, splits = read_own_images(_images.path)
    classes = range(min(_MOST_THUMBNAILS, len(_images.class_names)))
    rows = [int((splits.train.labels == c).argmax()) for c in classes]
    return [thumbnail(splits.train.load(row), 96, 8) for row in rows]


def _delete(images: OwnImages) -> None:
    require_teacher("Deleting images")
    try:
        images.path.unlink(missing_ok=True)
    except OSError as error:
        raise ImprintError(
            f"'{images.label}' could not be deleted ({error.strerror}). Delete the file yourself."
        ) from error
