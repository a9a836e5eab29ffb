"""One more class beside those of the task: imprinted from a few images, on the spot."""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.errors import ImprintError
from imprint_core.framework.classifier import depends_on_all
from imprint_core.framework.incremental import AddedClass, Effect, add_class, effect
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.panels.own_data.images import IMAGE_MB, IMAGE_TYPES
from ui.panels.own_data.new_images import embed, unknown
from ui.text.labels import label_of_dataset, label_of_fm
from ui.text.markdown import plain
from ui.widgets.missing_weights import show_missing_weights

_SHOWN = 6


class GivenClass(NamedTuple):
    """What a person gave to make a class of: its name, embeddings (n, d) and thumbnails."""

    name: str
    X: NDArray[np.float32]
    images: list[Image.Image]


class Added(NamedTuple):
    """A class that was imprinted beside the others, what that changed, and how long it took."""

    name: str
    images: list[Image.Image]
    change: AddedClass
    effect: Effect
    seconds: float


def show_added(selection: Selection) -> None:
    """Draw the tab that adds a class."""
    st.markdown(
        "A few images of something new become a class on the spot: they are embedded, "
        + (
            "all proxies are made anew with them, since this recipe's depend on every class's shots, "
            if depends_on_all(selection.recipe)
            else "their proxies are put beside those that are there, "
        )
        + "and no weight of the model changes. That is what weight imprinting is for."
    )
    if unknown(selection):
        st.info(unknown(selection), icon=":material/info:")
        return
    task = results.pool(selection.experiment)
    st.caption(
        f"It joins the {len(np.unique(task.y_train))} classes of the sidebar's task, "
        f"{plain(label_of_fm(selection.info.fm))} on {plain(label_of_dataset(selection.info.dataset))}, made by its "
        f"recipe with the {selection.n} shots of the first seed; another task has added classes of its own."
    )
    if show_missing_weights(selection, "add"):
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        count = st.session_state.get("added_count", 0)
        name = st.text_input("Name of the new class", max_chars=80, key=f"added_name_{count}")
        files = st.file_uploader(
            "Its images, one or more",
            type=IMAGE_TYPES,
            accept_multiple_files=True,
            max_upload_size=IMAGE_MB,
            key=f"added_files_{count}",
        )
        told = st.session_state.pop("added_told", "")
        if told:
            st.warning(told)
        if st.button("Imprint", type="primary", disabled=not files):
            _imprint(selection, name, [(file.name, file.getvalue()) for file in files or []])
    with right:
        _list_added(selection)


def _imprint(selection: Selection, name: str, files: list[tuple[str, bytes]]) -> None:
    if not name.strip():
        st.error("The class has no name; write one above.")
        return
    images, damaged = [], []
    for file_name, data in files:
        try:
            images.append((data, decode(data)))
        except ImprintError as error:
            damaged.append(f"- {plain(clean_name(file_name))}: {plain(error)}")
    told = "\n".join([f"{len(damaged)} could not be read and were left out:", "", *damaged]) if damaged else ""
    if not images:
        st.warning(told)
        return
    cleaned = clean_name(name)
    known = {name.casefold(): name for name in names_of(selection, added_classes(selection)).values()}
    if cleaned.casefold() in known:
        st.error(f"There is a class called {plain(known[cleaned.casefold()])} already; give the new one another name.")
        return
    try:
        X = embed(selection, images)
    except ImprintError as error:
        st.error(plain(error))
        return
    thumbnails = [thumbnail(image, 64, 6) for _, image in images]
    st.session_state.setdefault("added", {}).setdefault(_key(selection), []).append(GivenClass(cleaned, X, thumbnails))
    # The box is emptied for the next class, or these images would be in that one, too.
    st.session_state.added_told = told
    st.session_state.added_count = st.session_state.get("added_count", 0) + 1
    st.rerun()


def _list_added(selection: Selection) -> None:
    added = added_classes(selection)
    names = names_of(selection, added)
    if not added:
        st.info(
            "Nothing is added yet. Added classes stay until this browser tab is closed or loaded anew.",
            icon=":material/info:",
        )
        return
    for i, one in enumerate(added):
        change, told = one.change, one.effect
        with st.container(border=True):
            st.markdown(f"**{plain(one.name)}**")
            shown = one.images[:_SHOWN]
            st.image(shown, width=70, alt=[f"An image of {one.name}"] * len(shown))
            shots, proxies = len(one.images), change.proxies
            st.markdown(
                f"{shots} {'image' if shots == 1 else 'images'} made {proxies} "
                f"{'proxy' if proxies == 1 else 'proxies'} in {1000 * one.seconds:.0f} ms. Accuracy on the other "
                f"classes' test samples: {told.before:.1f} → {told.after:.1f} %; {told.lost or 'none'} of those "
                "that were right are now taken for it."
            )
            st.button("Take it away", key=f"away_{i}", on_click=_take_away, args=(_key(selection), i))
    st.caption(f"{len(names)} classes now. “Try one image” compares with all of them.")


def _take_away(key: tuple[str, str], i: int) -> None:
    del st.session_state.added[key][i]


def _key(selection: Selection) -> tuple[str, str]:
    """What added classes belong to: this FM's embeddings, and these classes."""
    return selection.info.digest, selection.experiment.classes


def added_classes(selection: Selection) -> list[Added]:
    """The added classes, imprinted by the recipe of now, one after the other."""
    given = tuple(st.session_state.get("added", {}).get(_key(selection), ()))
    made: list[Added] = []
    for i in range(len(given)):
        made.append(_grown(_stamp(selection, given[: i + 1]), selection, given[i], made[-1] if made else None))
    return made


def _stamp(selection: Selection, given: tuple[GivenClass, ...]) -> str:
    """What a chain of added classes hangs on."""
    sha = hashlib.sha256(
        repr((_key(selection), selection.recipe.canonical(), selection.n, selection.seeds[0])).encode()
    )
    for one in given:
        sha.update(one.name.encode())
        sha.update(one.X.tobytes())
    return sha.hexdigest()


@st.cache_resource(max_entries=24, show_spinner=False)
def _grown(stamp: str, _selection: Selection, _given: GivenClass, _before: Added | None) -> Added:
    pool = results.pool(_selection.experiment)
    if _before is None:
        model, _ = results.classifier(_selection.experiment)
    else:
        model = _before.change.model
    began = time.perf_counter()
    change = add_class(model, _given.X)
    seconds = time.perf_counter() - began
    return Added(_given.name, _given.images, change, effect(model, change, pool.X_test, pool.y_test), seconds)


def names_of(selection: Selection, added: list[Added]) -> dict[int, str]:
    """Class names by the classifier's labels."""
    pool = results.pool(selection.experiment)
    own = {int(c): pool.names[c] for c in np.unique(pool.y_train)}
    return own | {one.change.label: one.name for one in added}
