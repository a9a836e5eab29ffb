"""One image against the proxies, and one more class beside them."""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core import figures
from imprint_core.classifier import ImprintingClassifier, depends_on_all
from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Splits
from imprint_core.datasets.pictures import thumbnail
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.errors import ImprintError
from imprint_core.trial import (
    AddedClass,
    Effect,
    NearProxy,
    Trial,
    add_class,
    check_same_weights,
    effect,
    in_words,
    try_embedding,
)
from imprint_core.uploads import clean_name
from pages.components import cached
from pages.components.fm import loaded
from pages.components.plot import plot
from pages.components.sidebar import Selection
from pages.components.text import plain

_IMAGES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
_MB = 50
_NEAR, _BEHIND = 5, 6


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


def show_trial(selection: Selection) -> None:
    """Draw the tab that tries one image."""
    info, classes = selection.info, selection.task.classes
    with st.spinner("Imprinting …"):
        model, rows = cached.classifier(info, classes, selection.recipe, selection.n, selection.seeds[0])
        added = _added(selection)
    model = added[-1].change.model if added else model
    names = _names(selection, added)
    st.markdown(
        f"An image, embedded by {plain(selection.info.meta['fm']['label'])}, is compared with the "
        f"{len(model.proxies_)} proxies of the task and recipe in the sidebar (first seed). Classes: "
        f"{plain(_listed(names, model))}."
    )
    left, right = st.columns([1, 2], gap="large")
    with left:
        found = _image(selection)
    if found is None:
        return
    x, image, truth = found
    trial = try_embedding(model, x, _NEAR)
    with left:
        if image is not None:
            st.image(thumbnail(image, 260))
        st.metric("Taken for", plain(names[trial.label]))
        sentence = in_words(trial, names)
        if truth is not None:
            sentence += f" It is {names[truth]}: {'right' if truth == trial.label else 'wrong'}."
        st.markdown(plain(sentence))
    with right:
        _near(selection, trial, names, rows, added)


def _near(
    selection: Selection, trial: Trial, names: dict[int, str], rows: NDArray[np.intp], added: list[Added]
) -> None:
    """The nearest proxies: how near, and the shots that they stand for."""
    st.markdown("##### The nearest proxies")
    labels = [f"{figures.shortened(names[near.label])} · proxy {near.number}" for near in trial.near]
    plot(
        "near-proxies",
        figures.near_proxies(
            labels, [near.similarity for near in trial.near], [near.label for near in trial.near], trial.measure
        ),
        alt="The nearest proxies: "
        + ", ".join(f"{label} {near.similarity:.3f}" for label, near in zip(labels, trial.near, strict=True)),
        height=60 + 34 * len(labels),
    )
    st.markdown("##### The shots behind them")
    pictures = cached.pictures(selection.info)
    if pictures is None:
        where = "" if _unknown(selection) else "; the Library says where to put them"
        st.caption(
            f"The images of {plain(selection.info.meta['dataset']['label'])} are not on this machine, so shots are "
            f"told by their numbers in its training split{where}."
        )
    pool = cached.evaluator(selection.info, selection.task.classes, selection.recipe).pool
    for near, label in zip(trial.near, labels, strict=True):
        st.markdown(f"**{plain(label)}** · {len(near.shots)} {'shot' if len(near.shots) == 1 else 'shots'}")
        own = near.shots[near.shots < len(rows)][:_BEHIND]
        ids = pool.id_train[rows[own]]
        shown = _thumbnails(near, ids, pictures, len(rows), added)
        if shown:
            st.image(shown, width=70)
        elif len(ids):
            st.caption("training samples " + ", ".join(map(str, ids)))


def _thumbnails(
    near: NearProxy, ids: NDArray[np.int32], pictures: Splits | None, count: int, added: list[Added]
) -> list[Image.Image]:
    """Thumbnails of shots: the dataset's, or those of a class that was added, which come after all of its rows."""
    if pictures is not None and len(ids):
        return [thumbnail(pictures.train.by_id(int(i)), 64, 6) for i in ids]
    images = [image for one in added for image in one.images]
    return [images[row - count] for row in near.shots[near.shots >= count][:_BEHIND]]


def _image(selection: Selection) -> tuple[NDArray[np.float32], Image.Image | None, int | None] | None:
    """The embedding to try, its image where there is one, and its true class where that is known."""
    if _unknown(selection):
        st.caption(_unknown(selection))
        return _sample(selection)
    source = st.segmented_control(
        "Image",
        ["sample", "upload"],
        default="sample",
        required=True,
        format_func={"sample": "A test sample", "upload": "Upload one"}.get,
        key="try_source",
        persist_state="session",
    )
    if source == "sample":
        return _sample(selection)
    file = st.file_uploader("An image", type=_IMAGES, max_upload_size=_MB, key="try_file")
    if file is None:
        return None
    try:
        image = decode(file.getvalue())
        return embed(selection, [(file.getvalue(), image)])[0], image, None
    except ImprintError as error:
        st.error(plain(error))
        return None


def _unknown(selection: Selection) -> str:
    """Why no new image can be embedded for this set, whatever weights there are; empty where one can."""
    if selection.info.meta["fm"].get("weights_sha256"):
        return ""
    return (
        "These embeddings were uploaded, and their model isn't known here, so no new image can be embedded beside them."
    )


def _sample(selection: Selection) -> tuple[NDArray[np.float32], Image.Image | None, int | None]:
    pool = cached.evaluator(selection.info, selection.task.classes, selection.recipe).pool
    count = len(pool.y_test)
    state = st.session_state
    if st.button("Another at random", key="try_random") or state.get("try_row", count) >= count:
        state.try_row = int(np.random.default_rng().integers(count))
    row = state.try_row
    pictures = cached.pictures(selection.info)
    st.caption(f"test sample {pool.id_test[row]}, which was embedded before")
    image = pictures.test.by_id(int(pool.id_test[row])) if pictures is not None else None
    return pool.X_test[row], image, int(pool.y_test[row])


def embed(selection: Selection, images: list[tuple[bytes, Image.Image]]) -> NDArray[np.float32]:
    """Embed uploaded images (bytes and decoded) with the selection's FM, (n, d); those seen before are remembered.

    Raises
    ------
    ImprintError
        If its weights aren't at hand, or aren't those that the set was made with.
    """
    model = loaded(selection.info.fm)
    check_same_weights(selection.info, model, lambda: _known(selection.info))
    seen = st.session_state.setdefault("own_embedded_images", {})
    keys = [(model.weights_digest, hashlib.sha256(data).hexdigest()) for data, _ in images]
    fresh = [(key, image) for key, (_, image) in zip(keys, images, strict=True) if key not in seen]
    if fresh:
        with st.spinner("Embedding …"):
            seen.update(zip([key for key, _ in fresh], model.embed([image for _, image in fresh]), strict=True))
    return np.stack([seen[key] for key in keys])


def _known(info: SetInfo) -> tuple[EmbeddingSet, Splits] | None:
    """A set of the same weights whose images are on this machine: of a bundled FM, that of the numerals always is."""
    weights = info.meta["fm"].get("weights_sha256")
    for other in [info, *cached.sets()[0].values()]:
        if weights and other.meta["fm"].get("weights_sha256") == weights:
            pictures = cached.pictures(other)
            if pictures is not None:
                return cached.embeddings(other), pictures
    return None


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
    if _unknown(selection):
        st.info(_unknown(selection), icon=":material/info:")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        count = st.session_state.get("added_count", 0)
        name = st.text_input("Name of the new class", max_chars=80, key=f"added_name_{count}")
        files = st.file_uploader(
            "Its images, one or more",
            type=_IMAGES,
            accept_multiple_files=True,
            max_upload_size=_MB,
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
    known = {name.casefold(): name for name in _names(selection, _added(selection)).values()}
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
    added = _added(selection)
    names = _names(selection, added)
    if not added:
        st.info("Nothing is added yet. Added classes stay until the browser tab is closed.", icon=":material/info:")
        return
    for i, one in enumerate(added):
        change, told = one.change, one.effect
        with st.container(border=True):
            st.markdown(f"**{plain(one.name)}**")
            st.image(one.images[:_BEHIND], width=70)
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
    return selection.info.digest, selection.task.classes


def _added(selection: Selection) -> list[Added]:
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
    info, classes, recipe = _selection.info, _selection.task.classes, _selection.recipe
    pool = cached.evaluator(info, classes, recipe).pool
    if _before is None:
        model, _ = cached.classifier(info, classes, recipe, _selection.n, _selection.seeds[0])
    else:
        model = _before.change.model
    began = time.perf_counter()
    change = add_class(model, _given.X)
    seconds = time.perf_counter() - began
    return Added(_given.name, _given.images, change, effect(model, change, pool.X_test, pool.y_test), seconds)


def _names(selection: Selection, added: list[Added]) -> dict[int, str]:
    """Class names by the classifier's labels."""
    pool = cached.evaluator(selection.info, selection.task.classes, selection.recipe).pool
    own = {int(c): pool.names[c] for c in np.unique(pool.y_train)}
    return own | {one.change.label: one.name for one in added}


def _listed(names: dict[int, str], model: ImprintingClassifier) -> str:
    listed = [names[int(c)] for c in model.classes_]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
