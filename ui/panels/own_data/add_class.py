"""Tab that imprints new classes from a few images, in addition to the classes of the experiment."""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.embeddings.images import check_same_weights
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.classifier import depends_on_all
from imprint_core.framework.incremental import AddedClass, Effect, add_class, effect
from imprint_core.uploads.single_images import decode_uploads
from ui.compute import results
from ui.panels.own_data.upload_controls import left_out_list, upload_images
from ui.server.shared_cache import Keys, shared_cache
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_choice import load_fm, show_missing_weights

_MOST_IMAGES = 6


class NewClass(NamedTuple):
    """A class to imprint: its name, embeddings (n, d) and thumbnails."""

    name: str
    X: NDArray[np.float32]
    images: list[Image.Image]


class ImprintedClass(NamedTuple):
    """A new class with the classifier that includes it, the effect on other classes, and the time to imprint it."""

    new: NewClass
    change: AddedClass
    effect: Effect
    seconds: float


def show_add_class(experiment: Experiment) -> None:
    """Draw the tab."""
    st.markdown(
        "A few images become a new class immediately: they are embedded and imprinted. "
        + (
            "All proxies are computed again, because this recipe's proxies depend on the shots of every class. "
            if depends_on_all(experiment.recipe)
            else "The proxies of the other classes do not change. "
        )
        + "No weight of the model changes: this is weight imprinting."
    )
    info = experiment.info
    if unknown_model(info):
        st.info(unknown_model(info), icon=":material/info:")
        return
    samples = results.pool(experiment)
    st.caption(
        f"The class is added to the {len(np.unique(samples.y_train))} classes of the sidebar's task, "
        f"{plain(label_of_fm(info.fm))} on {plain(label_of_dataset(info.dataset))}, with its recipe and the "
        f"{experiment.n_shot} shots of the first seed. Added classes belong to this task only."
    )
    if show_missing_weights(info, "add"):
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        count = st.session_state.get("added_count", 0)
        name = st.text_input("Class name", max_chars=80, key=f"added_name_{count}")
        files = upload_images("Images of the class", f"added_files_{count}")
        warning = st.session_state.pop("added_warning", "")
        if warning:
            st.warning(warning)
        if st.button("Imprint class", type="primary", disabled=not files):
            _add(experiment, name, [(file.name, file.getvalue()) for file in files])
    with right:
        _show_classes(experiment)


def _add(experiment: Experiment, name: str, files: list[tuple[str, bytes]]) -> None:
    if not name.strip():
        st.error("The class has no name; enter one above.")
        return
    images, skipped = [], []
    try:
        decoded = decode_uploads([data for _, data in files])
    except ImprintError as error:
        st.error(plain(error))
        return
    for (file_name, data), image in zip(files, decoded, strict=True):
        if isinstance(image, ImprintError):
            skipped.append((clean_name(file_name), str(image)))
        else:
            images.append((data, image))
    warning = left_out_list(skipped)
    if not images:
        st.warning(warning)
        return
    name = clean_name(name)
    existing = {other.casefold(): other for other in class_names(experiment, imprinted_classes(experiment)).values()}
    if name.casefold() in existing:
        st.error(f"There is already a class called {plain(existing[name.casefold()])}; choose another name.")
        return
    try:
        X = embed_images(experiment.info, images)
    except ImprintError as error:
        st.error(plain(error))
        return
    thumbnails = [thumbnail(image, 64, 6) for _, image in images]
    classes = st.session_state.setdefault("added", {}).setdefault(_task(experiment), [])
    classes.append(NewClass(name, X, thumbnails))
    # New keys empty the inputs; otherwise the next class would contain these images, too.
    st.session_state.added_warning = warning
    st.session_state.added_count = st.session_state.get("added_count", 0) + 1
    st.rerun()


def _show_classes(experiment: Experiment) -> None:
    classes = imprinted_classes(experiment)
    if not classes:
        st.info(
            "No classes added. Added classes remain until this browser tab is closed or reloaded.",
            icon=":material/info:",
        )
        return
    for i, (new, change, measured, seconds) in enumerate(classes):
        with st.container(border=True):
            st.markdown(f"**{plain(new.name)}**")
            images = new.images[:_MOST_IMAGES]
            st.image(images, width=70, alt=[f"An image of {new.name}"] * len(images))
            shots, proxies = len(new.images), change.proxies
            st.markdown(
                f"{shots} {'image' if shots == 1 else 'images'} gave {proxies} "
                f"{'proxy' if proxies == 1 else 'proxies'} in {1000 * seconds:.0f} ms. Accuracy on the test samples of "
                f"the other classes: {measured.before:.1f} → {measured.after:.1f} %. Previously correct, now predicted "
                f"as this class: {measured.lost or 'none'}."
            )
            st.button(
                "Remove class", key=f"remove_{i}", on_click=st.session_state.added[_task(experiment)].pop, args=(i,)
            )
    count = len(class_names(experiment, classes))
    st.caption(f"{count} classes in total. “Try one image” compares with all of them.")


def _task(experiment: Experiment) -> tuple[str, str]:
    """Identify the embeddings and classes that new classes are added to."""
    return experiment.info.digest, experiment.classes


def imprinted_classes(experiment: Experiment) -> list[ImprintedClass]:
    """Imprint the new classes with the experiment's recipe, one after the other."""
    classes = tuple(st.session_state.get("added", {}).get(_task(experiment), ()))
    return [_imprint_last(experiment, classes[:count]) for count in range(1, len(classes) + 1)]


# Equal images have equal embeddings.
_BY_CLASSES: Keys = {tuple: lambda classes: tuple((new.name, new.X.tobytes()) for new in classes)}


@shared_cache(100, results.BY_FIRST_SEED | _BY_CLASSES)
def _imprint_last(experiment: Experiment, classes: tuple[NewClass, ...]) -> ImprintedClass:
    """Imprint the last of some new classes, in addition to the others."""
    *others, new = classes
    model = _imprint_last(experiment, tuple(others)).change.model if others else results.classifier(experiment)[0]
    start = time.perf_counter()
    change = add_class(model, new.X)
    seconds = time.perf_counter() - start
    samples = results.pool(experiment)
    return ImprintedClass(new, change, effect(model, change, samples.X_test, samples.y_test), seconds)


def class_names(experiment: Experiment, added: list[ImprintedClass]) -> dict[int, str]:
    """Names of the experiment's and the added classes, by the classifier's labels."""
    samples = results.pool(experiment)
    names = {int(c): samples.names[c] for c in np.unique(samples.y_train)}
    return names | {imprinted.change.label: imprinted.new.name for imprinted in added}


def embed_images(info: SetInfo, images: list[tuple[bytes, Image.Image]]) -> NDArray[np.float32]:
    """Embed images (bytes and decoded) with the FM of a set, (n, d); the session stores their embeddings.

    Raises an `ImprintError` if the FM's weights are not available, or differ from those of the set.
    """
    model = load_fm(info.fm)
    check_same_weights(info, model, lambda: _set_with_images(info))
    stored = st.session_state.setdefault("own_embedded_images", {})
    keys = [(model.weights_digest, hashlib.sha256(data).hexdigest()) for data, _ in images]
    new = [(key, image) for key, (_, image) in zip(keys, images, strict=True) if key not in stored]
    if new:
        with st.spinner("Embedding …"):
            stored.update(zip([key for key, _ in new], model.embed([image for _, image in new]), strict=True))
    return np.stack([stored[key] for key in keys])


def _set_with_images(info: SetInfo) -> tuple[EmbeddingSet, Splits] | None:
    """Find a set of the same weights whose images are on this machine, such as the digits for bundled FMs."""
    weights = info.meta["fm"].get("weights_sha256")
    for other in [info, *results.sets()[0].values()]:
        if weights and other.meta["fm"].get("weights_sha256") == weights:
            images = results.pictures(other)
            if images is not None:
                return results.embeddings(other), images
    return None


def unknown_model(info: SetInfo) -> str:
    """Explain that the FM of a set is unknown, so no image can be embedded; empty if it is known."""
    if info.meta["fm"].get("weights_sha256"):
        return ""
    return "These embeddings were uploaded and their model is unknown, so new images cannot be embedded."
