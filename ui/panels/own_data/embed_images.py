"""Embeds uploaded images with the FM of an embedding set."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.embeddings.new_images import check_same_weights
from ui.compute import results
from ui.widgets.fm_choice import load_fm


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
