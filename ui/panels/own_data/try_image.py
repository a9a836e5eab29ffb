"""Tab that classifies one image: the prediction, the nearest proxies, and their shots."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.thumbnails import thumbnail
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.figures import explanation, style
from imprint_core.framework.explanation import NearProxy, describe, explain_sample, nearest_proxies
from imprint_core.models.classifier_head import ClassifierHead
from imprint_core.uploads.single_images import decode_uploads
from ui.charts.plot import plot
from ui.compute import results
from ui.compute.fm_classes import joint
from ui.text.markdown import plain
from ui.widgets.fm_choice import embed_images, show_missing_weights, unknown_model
from ui.widgets.fm_own_classes import check_classifier, joint_name, own_classes_switch
from ui.widgets.missing_images import show_missing_images
from ui.widgets.upload_images import upload_image

_MOST_PROXIES = 5
_OF_EACH_KIND = 3
_MOST_SHOTS = 6
_MOST_NAMES = 12


def show_try_image(experiment: Experiment) -> None:
    """Draw the tab."""
    with st.spinner("Imprinting …"):
        model, rows = results.classifier(experiment)
    names = results.pool(experiment).names
    listed = [names[int(c)] for c in model.classes_]
    more = f" and {len(listed) - _MOST_NAMES} more" if len(listed) > _MOST_NAMES else ""
    st.markdown(
        f"An image, embedded by {plain(experiment.info.meta['fm']['label'])}, is compared with the "
        f"{len(model.proxies_)} proxies of the task and recipe in the sidebar (first seed). Classes: "
        f"{plain(', '.join(listed[:_MOST_NAMES]))}{more}."
    )
    left, right = st.columns([1, 2], gap="large")
    with left:
        sample = _select_image(experiment)
    if sample is None:
        return
    x, image, truth = sample
    with left:
        head = None if unknown_model(experiment.info) else own_classes_switch(experiment.info.fm, "try")
    result = explain_sample(model, x)
    nearest = nearest_proxies(model, result, _MOST_PROXIES)
    with left:
        if image is not None:
            st.image(thumbnail(image, 260), alt="The classified image")
        st.metric("Predicted class", plain(names[result.label]))
        st.markdown(plain(describe(result, names, truth)))
    with right:
        if head is not None:
            _show_joint(experiment, head, x)
        labels = [f"{style.shortened(names[near.label])} · proxy {near.number}" for near in nearest]
        _show_proxies(nearest, result.measure, labels)
        _show_shots(experiment, nearest, labels, rows)


def _show_joint(experiment: Experiment, head: ClassifierHead, x: NDArray[np.float32]) -> None:
    """List the best classes among those of the task and the FM's own."""
    check_classifier(experiment.info)
    layer = joint(experiment)
    names = dict(enumerate(results.pool(experiment).names))
    ranked = [(plain(joint_name(score, head, names)), score.score) for score in layer.rank(x, _OF_EACH_KIND)]
    st.markdown(
        f"##### With the FM's own classes: {ranked[0][0]}\n"
        + "\n".join(f"{i}. {name}: {score:.3f}" for i, (name, score) in enumerate(ranked, 1))
    )
    st.caption(
        f"Cosines with {len(head.class_names):,} weights and with proxies; those with proxies are multiplied by "
        f"{layer.scale:.2f}, the smallest factor that assigns 95 % of left-out shots to the task's classes."
    )


def _show_proxies(nearest: list[NearProxy], measure: str, labels: list[str]) -> None:
    st.markdown("##### Nearest proxies")
    similarities = [near.similarity for near in nearest]
    plot(
        "near-proxies",
        explanation.near_proxies(labels, similarities, [near.label for near in nearest], measure),
        alt="Nearest proxies: "
        + ", ".join(f"{label} {value:.3f}" for label, value in zip(labels, similarities, strict=True)),
        height=60 + 34 * len(labels),
    )


def _show_shots(experiment: Experiment, nearest: list[NearProxy], labels: list[str], rows: NDArray[np.intp]) -> None:
    st.markdown("##### Assigned shots")
    images = results.pictures(experiment.info)
    show_missing_images(experiment.info, "try_images", "Shots are listed by their numbers in the training split.")
    id_train = results.pool(experiment).id_train
    for near, label in zip(nearest, labels, strict=True):
        st.markdown(f"**{plain(label)}** · {len(near.shots)} {'shot' if len(near.shots) == 1 else 'shots'}")
        ids = id_train[rows[near.shots[:_MOST_SHOTS]]]
        shots = [None if images is None else images.train.find(int(i)) for i in ids]
        thumbnails = [thumbnail(image, 64, 6) for image in shots if image is not None]
        if thumbnails:
            st.image(thumbnails, width=70, alt=[f"A shot of {label}"] * len(thumbnails))
        elif len(ids):
            st.caption("training samples " + ", ".join(map(str, ids)))


def _select_image(experiment: Experiment) -> tuple[NDArray[np.float32], Image.Image | None, int | None] | None:
    """Select a test sample or upload an image; return its embedding, the image and the true class, if known."""
    if unknown_model(experiment.info):
        st.caption(unknown_model(experiment.info))
        return _select_sample(experiment)
    source = st.segmented_control(
        "Image",
        ["sample", "upload"],
        default="sample",
        required=True,
        format_func={"sample": "Test sample", "upload": "Upload image"}.get,
        key="try_source",
        persist_state="session",
    )
    if source == "sample":
        return _select_sample(experiment)
    if show_missing_weights(experiment.info, "try"):
        return None
    file = upload_image("Image file", "try_file")
    if file is None:
        return None
    try:
        image = _decoded(file.getvalue())
        return embed_images(experiment.info, [(file.getvalue(), image)])[0], image, None
    except ImprintError as error:
        st.error(plain(error))
        return None


@st.cache_data(max_entries=16, show_spinner="Reading …")
def _decoded(data: bytes) -> Image.Image:
    """Decode an upload; cached, because the page needs it at every rerun."""
    (image,) = decode_uploads([data])
    if isinstance(image, ImprintError):
        raise image
    return image


def _select_sample(experiment: Experiment) -> tuple[NDArray[np.float32], Image.Image | None, int | None]:
    samples, state = results.pool(experiment), st.session_state
    count = len(samples.y_test)
    if st.button("Pick random sample", key="try_random") or state.get("try_row", count) >= count:
        state.try_row = int(np.random.default_rng().integers(count))
    row, number = state.try_row, int(samples.id_test[state.try_row])
    images = results.pictures(experiment.info)
    st.caption(f"Test sample {number}, with its stored embedding.")
    return samples.X_test[row], None if images is None else images.test.find(number), int(samples.y_test[row])
