"""Images that no set has: whether they can be embedded beside one, and their embeddings."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.framework.incremental import check_same_weights
from ui.compute import results
from ui.controls.sidebar import Selection
from ui.widgets.fm_choice import load_fm


def embed(selection: Selection, images: list[tuple[bytes, Image.Image]]) -> NDArray[np.float32]:
    """Embed uploaded images (bytes and decoded) with the selection's FM, (n, d); those seen before are remembered.

    Raises
    ------
    ImprintError
        If its weights aren't at hand, or aren't those that the set was made with.
    """
    model = load_fm(selection.info.fm)
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
    for other in [info, *results.sets()[0].values()]:
        if weights and other.meta["fm"].get("weights_sha256") == weights:
            pictures = results.pictures(other)
            if pictures is not None:
                return results.embeddings(other), pictures
    return None


def unknown(selection: Selection) -> str:
    """Why no new image can be embedded for this set, whatever weights there are; empty where one can."""
    if selection.info.meta["fm"].get("weights_sha256"):
        return ""
    return (
        "These embeddings were uploaded, and their model isn't known here, so no new image can be embedded beside them."
    )
