"""Foundation models on pages: choosing one, whether its weights are at hand, having it in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, FoundationModel, foundation_model
from imprint_core.models.weights import available_weights, user_weights
from imprint_core.paths import weights_folder
from ui.text.markdown import plain

# Swin-B's take 350 MB.
_WEIGHTS_MB = 1500

if TYPE_CHECKING:
    from imprint_core.models.loading import LoadedModel


def choose_fm(key: str, default: str) -> FoundationModel | None:
    """A box of FMs, those with weights at hand first, which takes any other by its name; None where it is wrong.

    `default` is chosen at first, if its weights are at hand.
    """
    here = [name for name, fm in FOUNDATION_MODELS.items() if available_weights(fm)]
    options = here + [name for name in FOUNDATION_MODELS if name not in here]
    written = st.session_state.get(key)
    options += [written] if written and written not in options else []

    def shown(name: str) -> str:
        label = FOUNDATION_MODELS[name].label if name in FOUNDATION_MODELS else name
        return f"{label} · weights here" if name in here else label

    name = st.selectbox(
        "Foundation model",
        options,
        index=options.index(default) if default in here else 0,
        format_func=shown,
        key=key,
        persist_state="session",
        accept_new_options=True,
        help="The frozen model that turns each image into a vector. Or write the name of any other classification "
        "model of torchvision or timm, such as convnext\\_tiny or deit\\_tiny\\_patch16\\_224.",
    )
    try:
        with st.spinner("Looking the model up …"):
            return foundation_model(str(name))
    except ImprintError as error:
        st.error(plain(error))
        return None


def about_weights(fm: FoundationModel) -> str:
    """Whether an FM's weights are at hand, and what to do where they aren't, in Markdown."""
    own = user_weights(fm)
    if own is not None:
        return f"Weights: {plain(own.name)} in the weights folder."
    if available_weights(fm):
        return f"Weights: {fm.library}'s official ones ({plain(fm.weights)}), which are on this machine."
    return (
        f"The weights of {plain(fm.label)} are not on this machine: connect to a network, and they are downloaded when "
        f"you start, or put {plain(fm.name)}.safetensors into {plain(weights_folder())}."
    )


def none_at_hand() -> str:
    """What to do where there are no weights at all; empty where there are some."""
    if any(available_weights(fm) for fm in FOUNDATION_MODELS.values()):
        return ""
    return (
        "No foundation model's weights are on this machine, so nothing new can be embedded offline: connect to a "
        f"network once, or put a state dict such as resnet18.safetensors into {plain(weights_folder())}. All sets that "
        "are here already can be explored all the same."
    )


def weights_upload(fm: FoundationModel, place: str = "") -> None:
    """A box, at a place of the page, that takes local weights of an FM, checks that they fit and keeps them."""
    with st.expander(f"Weights of your own for {plain(fm.label)}", icon=":material/upload_file:"):
        file = st.file_uploader(
            f"A state dict of {fm.library}'s {plain(fm.architecture)}",
            type=["safetensors"],
            max_upload_size=_WEIGHTS_MB,
            key=f"weights_{fm.name}{place}",
            help="A .safetensors file, keyed as the library keys it. A .pth can be taken by the command `fetch`.",
        )
        if file is not None and st.button("Check and keep these weights", key=f"keep_{fm.name}{place}"):
            from imprint_core.models.loading import save_weights

            try:
                with st.spinner("Checking that they fit …"):
                    kept = save_weights(fm, file)
            except ImprintError as error:
                st.error(plain(error))
            else:
                st.success(f"They fit, and are kept as {plain(kept)}.")


@st.cache_resource(max_entries=1, show_spinner=False)
def _loaded(name: str, stamp: str) -> LoadedModel:
    from imprint_core.models.loading import load_model

    return load_model(foundation_model(name))


def loaded(name: str) -> LoadedModel:
    """The FM in memory; of all sessions, the last one asked for.

    Raises
    ------
    ImprintError
        If its weights aren't at hand or don't fit. Nothing is downloaded here: that would be minutes without a word.
    """
    fm = foundation_model(name)
    file = available_weights(fm)
    if file is None:
        raise ImprintError(
            f"To embed an image, the weights of {fm.label} are needed, and they are not on this machine; put the state "
            f"dict that the set was made with as {fm.name}.safetensors into {weights_folder()}."
        )
    with st.spinner(f"Loading {plain(fm.label)} …"):
        return _loaded(fm.name, f"{file}:{file.stat().st_mtime_ns}")
