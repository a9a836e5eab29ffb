"""One image against the proxies: what it is taken for, what came near, and the shots behind that."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Splits
from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.errors import ImprintError
from imprint_core.figures import charts, style
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.incremental import NearProxy, Trial, in_words, try_embedding
from ui.charts.plot import plot
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.panels.own_data.add_class import Added, added_classes, names_of
from ui.panels.own_data.images import IMAGE_MB, IMAGE_TYPES
from ui.panels.own_data.new_images import embed, unknown
from ui.text.markdown import plain
from ui.widgets.missing_weights import show_missing_weights

_NEAR, _BEHIND = 5, 6


def show_trial(selection: Selection) -> None:
    """Draw the tab that tries one image."""
    with st.spinner("Imprinting …"):
        model, rows = results.classifier(selection.experiment)
        added = added_classes(selection)
    model = added[-1].change.model if added else model
    names = names_of(selection, added)
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
            st.image(thumbnail(image, 260), alt="The image tried")
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
    labels = [f"{style.shortened(names[near.label])} · proxy {near.number}" for near in trial.near]
    plot(
        "near-proxies",
        charts.near_proxies(
            labels, [near.similarity for near in trial.near], [near.label for near in trial.near], trial.measure
        ),
        alt="The nearest proxies: "
        + ", ".join(f"{label} {near.similarity:.3f}" for label, near in zip(labels, trial.near, strict=True)),
        height=60 + 34 * len(labels),
    )
    st.markdown("##### The shots behind them")
    pictures = results.pictures(selection.info)
    if pictures is None:
        where = "" if unknown(selection) else "; the Library says where to put them"
        st.caption(
            f"The images of {plain(selection.info.meta['dataset']['label'])} are not on this machine, so shots are "
            f"told by their numbers in its training split{where}."
        )
    pool = results.pool(selection.experiment)
    for near, label in zip(trial.near, labels, strict=True):
        st.markdown(f"**{plain(label)}** · {len(near.shots)} {'shot' if len(near.shots) == 1 else 'shots'}")
        own = near.shots[near.shots < len(rows)][:_BEHIND]
        ids = pool.id_train[rows[own]]
        shown = _thumbnails(near, ids, pictures, len(rows), added)
        if shown:
            st.image(shown, width=70, alt=[f"A shot of {label}"] * len(shown))
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
    if unknown(selection):
        st.caption(unknown(selection))
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
    if show_missing_weights(selection, "try"):
        return None
    file = st.file_uploader("An image", type=IMAGE_TYPES, max_upload_size=IMAGE_MB, key="try_file")
    if file is None:
        return None
    try:
        image = decode(file.getvalue())
        return embed(selection, [(file.getvalue(), image)])[0], image, None
    except ImprintError as error:
        st.error(plain(error))
        return None


def _sample(selection: Selection) -> tuple[NDArray[np.float32], Image.Image | None, int | None]:
    pool = results.pool(selection.experiment)
    count = len(pool.y_test)
    state = st.session_state
    if st.button("Another at random", key="try_random") or state.get("try_row", count) >= count:
        state.try_row = int(np.random.default_rng().integers(count))
    row = state.try_row
    pictures = results.pictures(selection.info)
    st.caption(f"test sample {pool.id_test[row]}, which was embedded before")
    image = pictures.test.by_id(int(pool.id_test[row])) if pictures is not None else None
    return pool.X_test[row], image, int(pool.y_test[row])


def _listed(names: dict[int, str], model: ImprintingClassifier) -> str:
    listed = [names[int(c)] for c in model.classes_]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")
