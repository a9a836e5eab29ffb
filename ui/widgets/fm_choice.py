"""Choice of an FM, the state of its weights, ways to get missing weights, and the FM in memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.images import Splits
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.embeddings.images import check_same_weights
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, FoundationModel, foundation_model
from imprint_core.models.download import weights_download
from imprint_core.models.libraries import LIBRARIES, available_weights, user_weights, where_to_put
from imprint_core.models.saved_weights import save_weights
from ui.compute import results
from ui.server.classroom import is_teacher, require_teacher
from ui.server.visitor_uploads import upload_limit
from ui.text.labels import label_of_fm
from ui.text.markdown import plain
from ui.widgets.downloads import show_download

# The weights of Swin-B have 350 MB.
_MOST_WEIGHTS_MB = 1500

if TYPE_CHECKING:
    from imprint_core.models.loading import LoadedModel


def choose_fm(key: str, default: str) -> FoundationModel | None:
    """Draw a box of FMs, those with available weights first, which accepts the name of any other FM.

    Returns None where the name is unknown. `default` is selected at first, if its weights are available.
    """
    available = [name for name, fm in FOUNDATION_MODELS.items() if available_weights(fm)]
    options = available + [name for name in FOUNDATION_MODELS if name not in available]
    typed = st.session_state.get(key)
    options += [typed] if typed and isinstance(typed, str) and typed not in options else []
    name = st.selectbox(
        "Foundation model",
        options,
        index=options.index(default) if default in available else 0,
        format_func=lambda name: label_of_fm(name) + (" · weights available" if name in available else ""),
        key=key,
        persist_state="session",
        accept_new_options=True,
        help="The frozen model that maps each image to a vector. You can also enter the name of another "
        f"classification model of {' or '.join(LIBRARIES)}, such as convnext\\_tiny or deit\\_tiny\\_patch16\\_224.",
    )
    try:
        with st.spinner("Looking up the model …"):
            return foundation_model(str(name))
    except ImprintError as error:
        st.error(plain(error))
        return None


def show_weights(fm: FoundationModel, key: str) -> bool:
    """Draw whether an FM's weights are available and, if not, the ways to get them; return whether they are.

    `key` is of the panel.
    """
    state = st.container()
    # Weights that are uploaded in this run are available below.
    upload_weights(fm, key)
    local, is_available = user_weights(fm), available_weights(fm) is not None
    with state:
        if local is not None:
            st.caption(f"Weights: {plain(local.name)} in the weights folder.")
        elif is_available:
            st.caption(f"Weights: {plain(fm.weights_origin)}; available on this machine.")
        else:
            st.markdown(f":material/error: The weights of {plain(fm.label)} are missing.")
            _download_weights(fm, key)
    return is_available


def _download_weights(fm: FoundationModel, key: str) -> None:
    """Draw the download of missing official weights, and where to put them without a network."""
    if not fm.weights:
        st.caption(f"{fm.library} has no weights of it: {plain(where_to_put(fm))}.")
        return
    size = f" ({fm.megabytes} MB)" if fm.megabytes else ""
    offline = f"Offline, {where_to_put(fm)}."
    show_download(weights_download(fm), key, f"Download weights{size}", "Downloading weights", offline)


def upload_weights(fm: FoundationModel, key: str) -> None:
    """Draw a box that takes local weights of an FM, checks that they fit and saves them; `key` identifies the panel."""
    with st.expander(f"Local weights of {plain(fm.label)}", icon=":material/upload_file:"):
        file = st.file_uploader(
            f"State dict of {fm.library}'s {plain(fm.architecture)}",
            type=["safetensors"],
            max_upload_size=upload_limit(_MOST_WEIGHTS_MB),
            key=f"weights_{fm.name}{key}",
            help="A .safetensors file with the library's parameter names.",
        )
        if file is not None and st.button("Check and save weights", key=f"save_{fm.name}{key}"):
            try:
                require_teacher("Saving weights")
                with st.spinner("Checking the weights …"):
                    path = save_weights(fm, file)
            except ImprintError as error:
                st.error(plain(error))
            else:
                st.success(f"The weights fit and are saved as {plain(path)}.")


@st.cache_resource(max_entries=1, show_spinner=False)
def _load_fm(name: str, stamp: str) -> LoadedModel:
    from imprint_core.models.loading import load_model

    return load_model(foundation_model(name))


def load_fm(name: str) -> LoadedModel:
    """Load an FM from available weights; one FM is kept in memory for all sessions.

    Raises an `ImprintError` if its weights are missing or don't fit. They are not downloaded, because that takes
    minutes.
    """
    fm = foundation_model(name)
    file = available_weights(fm)
    if file is None:
        raise ImprintError(
            f"The weights of {fm.label} are missing. To embed an image, take the state dict that embedded the set and "
            f"{where_to_put(fm)}."
        )
    with st.spinner(f"Loading {plain(fm.label)} …"):
        return _load_fm(fm.name, f"{file}:{file.stat().st_mtime_ns}")


def show_missing_weights(info: SetInfo, key: str) -> bool:
    """Show which weights are missing and how to get them; `key` is of the panel.

    Returns whether they are missing.
    """
    fm = foundation_model(info.fm)
    if available_weights(fm):
        return False
    alternatives = [
        label_of_fm(name)
        for name, data in results.sets()[0]
        if data == info.dataset and name != info.fm and available_weights(foundation_model(name))
    ]
    st.info(
        f"A new image must be embedded by {plain(fm.label)} with the weights of this embedding set "
        f"({plain(info.meta['fm']['weights_origin'])}), which are missing."
        + (
            f" Weights of {plain(', '.join(alternatives))} are available: select such a model in the sidebar."
            * bool(alternatives)
        ),
        icon=":material/wifi_off:",
    )
    if not is_teacher():
        st.caption("In classroom mode the teacher adds weights.")
        return True
    _download_weights(fm, key)
    upload_weights(fm, key)
    st.caption(
        "The first image is a check whether the weights give the same embeddings as the set. Official weights may "
        "differ; in this case, embed the dataset again with them in the Library."
    )
    if available_weights(fm):
        # Uploaded in this run.
        st.rerun()
    return True


def load_fm_of(info: SetInfo) -> LoadedModel:
    """Load the FM of a set.

    Raises an `ImprintError` if the FM's weights are not available, or differ from those of the set.
    """
    model = load_fm(info.fm)
    check_same_weights(info, model, lambda: _set_with_images(info))
    return model


def embed_images(info: SetInfo, images: list[tuple[bytes, Image.Image]]) -> NDArray[np.float32]:
    """Embed images (bytes and decoded) with the FM of a set, (n, d); the session stores their embeddings.

    Raises an `ImprintError` if the FM's weights are not available, or differ from those of the set.
    """
    model = load_fm_of(info)
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
