"""Images of the user's own: uploaded, checked, kept, and embedded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from PIL import Image

from imprint_core.datasets import dataset
from imprint_core.datasets.own_images import read_own
from imprint_core.embeddings.set_images import thumbnail
from imprint_core.errors import ImprintError
from imprint_core.paths import images_folder
from imprint_core.uploads import (
    OwnImages,
    UploadedImage,
    find_own,
    images_by_class,
    images_in_keras_npz,
    images_in_zip,
    save_images,
)
from imprint_core.uploads.example_files import example_zip
from ui.compute import results
from ui.navigation.links import explore_button
from ui.panels.own_data.upload_formats import FOLDERS
from ui.text.markdown import plain
from ui.widgets.fm_choice import about_weights, choose_fm, none_at_hand
from ui.widgets.jobs import begin

_ZIP_MB = 500
KINDS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
_SHOWN_LEFT_OUT = 5


def show(default: str) -> None:
    """Draw the tab; `default` is the FM that is offered first."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        st.image(FOLDERS, alt="A zip with a folder for each class, which holds its images")
        st.download_button(
            "Download a sample zip", example_zip, "sample-images.zip", "application/zip", on_click="ignore"
        )
    with left:
        how = st.segmented_control(
            "How they come",
            ["zip", "piles"],
            default="zip",
            required=True,
            format_func={"zip": "A zip of class folders", "piles": "One pile per class"}.get,
            key="own_how",
        )
        if how == "zip":
            _zip()
        else:
            _piles()
    own, problems = find_own(images_folder())
    for problem in problems:
        st.warning(plain(problem), icon=":material/warning:")
    if own:
        own.sort(key=lambda one: one.path.stat().st_mtime, reverse=True)
        st.markdown("##### Your images")
        _kept(own, default)


def _zip() -> None:
    file = st.file_uploader(
        "Images in class folders (.zip), or pixels in Keras' layout (.npz)",
        type=["zip", "npz"],
        max_upload_size=_ZIP_MB,
        key="own_zip",
    )
    if file is None:
        return
    keras = file.name.lower().endswith(".npz")
    label = _label(file.name.rsplit(".", 1)[0])
    if st.button("Keep these images", type="primary", key="keep_zip"):
        _keep(lambda: images_in_keras_npz(file) if keras else images_in_zip(file), label)


def _piles() -> None:
    st.session_state.setdefault("own_piles", 2)
    piles: dict[str, list[tuple[str, bytes]]] = {}
    unnamed = False
    for i in range(st.session_state.own_piles):
        a, b = st.columns([1, 2])
        name = a.text_input(f"Class {i + 1}", key=f"pile_name_{i}", max_chars=80)
        files = b.file_uploader(
            f"Images of class {i + 1}", type=KINDS, accept_multiple_files=True, key=f"pile_{i}", max_upload_size=50
        )
        if files:
            unnamed = unnamed or not name.strip()
            piles.setdefault(name, []).extend((file.name, file.getvalue()) for file in files)
    st.button("Another class", on_click=_another_pile)
    if piles:
        label = _label("my images")
        if st.button("Keep these images", type="primary", key="keep_piles"):
            if unnamed:
                st.error("A pile has no name; write the name of its class beside it.")
            else:
                _keep(lambda: images_by_class(piles), label)


def _another_pile() -> None:
    st.session_state.own_piles += 1


def _label(default: str) -> str:
    return st.text_input("Call them", default[:80], max_chars=80, key=f"own_label_{default}")


def _keep(read: Callable[[], Sequence[UploadedImage]], label: str) -> None:
    """Check and keep; what is wrong is said, and the upload stays where it is."""
    bar = st.progress(0.0, text="Looking into the file …")
    try:
        made = save_images(
            read(),
            label,
            images_folder(),
            lambda done, total: bar.progress(done / total, text=f"Checking image {done:,} of {total:,}"),
        )
    except ImprintError as error:
        st.error(plain(error))
        return
    finally:
        bar.empty()
    st.session_state.own_chosen = made.name
    st.success(f"Kept {sum(map(sum, made.counts)):,} images of {len(made.class_names)} classes. Now embed them, below.")
    if made.left_out:
        told = [f"- {plain(name)}: {plain(reason)}" for name, reason in made.left_out[:_SHOWN_LEFT_OUT]]
        more = len(made.left_out) - len(told)
        rest = [f"- and {more} more"] if more else []
        st.warning("\n".join([f"{len(made.left_out)} could not be read and were left out:", "", *told, *rest]))


def _kept(own: list[OwnImages], default: str) -> None:
    names = {o.name: o for o in own}
    if st.session_state.get("own_chosen") not in names:
        st.session_state.own_chosen = own[0].name
    chosen = names[st.selectbox("Dataset", list(names), format_func=lambda n: names[n].label, key="own_chosen")]
    train, test = (sum(c[i] for c in chosen.counts) for i in (0, 1))
    shown = ", ".join(plain(name) for name in chosen.class_names[:12])
    st.caption(
        f"{len(chosen.class_names)} classes ({shown}{' …' if len(chosen.class_names) > 12 else ''}); {train:,} images "
        f"to draw shots from, {test:,} to test on."
    )
    try:
        firsts = _firsts(chosen.name, chosen)
        st.image(firsts, width=104, alt=[f"An image of class {name}" for name in chosen.class_names[: len(firsts)]])
    except ImprintError as error:
        st.error(plain(error))
        return
    sets, _ = results.sets()
    done = [info for (_, data), info in sets.items() if data == chosen.name]
    for info in done:
        a, b = st.columns([3, 1], vertical_alignment="center")
        a.markdown(f"Embedded by {plain(info.meta['fm']['label'])}.")
        with b:
            explore_button(info, f"explore_{info.path.stem}")
    missing = none_at_hand()
    if missing:
        st.info(missing, icon=":material/cloud_off:")
    fm = choose_fm("own_fm", default)
    if fm is not None:
        if not missing:
            st.caption(about_weights(fm))
        a, b, _ = st.columns([1, 1, 2])
        if a.button("Embed", type="primary", width="stretch", key="own_embed"):
            begin(fm, dataset(chosen.name), "all", "all")
        with b.popover("Remove", width="stretch"):
            st.markdown("Delete these images from disk? Embeddings that were made of them stay.")
            st.button("Delete the images", on_click=_delete, args=(chosen,), type="primary")


@st.cache_resource(max_entries=8, show_spinner=False)
def _firsts(name: str, _own: OwnImages) -> list[Image.Image]:
    """Thumbnails of the first image of each of the first classes; the name is of what is in the dataset."""
    _, splits = read_own(_own.path)
    rows = [int((splits.train.labels == c).argmax()) for c in range(min(8, len(_own.class_names)))]
    return [thumbnail(splits.train.load(row), 96, 8) for row in rows]


def _delete(own: OwnImages) -> None:
    try:
        own.path.unlink(missing_ok=True)
    except OSError as error:
        st.session_state.jobs_problem = f"'{own.label}' could not be deleted ({error.strerror})."
