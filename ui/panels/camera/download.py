"""Download of what was recorded: the torch head, its model card and the settings."""

from __future__ import annotations

from datetime import date

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.framework.recipe import Recipe
from imprint_core.models import foundation_model
from imprint_core.models.classifier_head import ClassifierHead
from ui.camera.live import LiveState, fit
from ui.controls.sidebar import Selection
from ui.share import settings_file
from ui.text.markdown import plain
from ui.widgets.fm_choice import load_fm


def show_download(selection: Selection, state: LiveState, head: ClassifierHead | None) -> None:
    """Draw the popover; with the classifier `head` of the FM, its classes are in the file, too."""
    experiment = selection.experiment
    with st.popover("Download", icon=":material/download:"):
        st.markdown(
            "The recorded classes as a torch head to append to the frozen FM: a zip of `head.safetensors`, "
            "`MODEL_CARD.md`, `load.py` and the page's settings, `settings.json`. Images are not included."
            + (" The FM's own classes are in the head, too." if head else "")
        )
        # A file is outdated as soon as shots, n or recipe change.
        stamp = (state.shots.version, state.most_shots, experiment.info.fm, experiment.recipe.digest, head is not None)
        if st.button("Create torch head", key="camera_head"):
            settings = settings_file.written(selection.panel.values, list(st.query_params), "camera")
            try:
                with st.spinner("Imprinting …"):
                    # The session stores it, because a rerun during a click would lose a file created at that click.
                    st.session_state.camera_head_file = (
                        stamp,
                        head_file(state, experiment.info.fm, experiment.recipe, head, settings),
                    )
            except ImprintError as error:
                st.error(plain(error))
        file_stamp, data = st.session_state.get("camera_head_file", (None, b""))
        if file_stamp == stamp:
            st.download_button(
                f"Download torch head ({len(data) / 1e6:.2f} MB)",
                data,
                "imprint-recorded-classes.zip",
                "application/zip",
                key="camera_head_download",
                type="primary",
                icon=":material/download:",
                on_click="ignore",
            )


def head_file(state: LiveState, fm: str, recipe: Recipe, head: ClassifierHead | None, settings: bytes) -> bytes:
    """Create the zip of the shots' proxies; an error if there are no shots, or torch lacks the recipe."""
    # Imported here because they load torch and scikit-learn.
    from imprint_core.export.model_card import RecordedCard, head_package
    from imprint_core.export.torch_head import to_joint_module, to_module

    if state.recognizer is None:
        # Reports again what is wrong.
        state.key = None
    fit(state, fm, recipe, head)
    if state.recognizer is None:
        raise ImprintError("There are no shots to download. Record some first.")
    model, held_out = state.recognizer.model, state.recognizer.held_out
    names = tuple(state.shots.name_of(int(c)) for c in model.classes_)
    # Of the shots that are used, at most n per class.
    counts = {name: int((state.recognizer.y == c).sum()) for name, c in zip(names, model.classes_, strict=True)}
    if head is not None and state.joint is not None:
        layer = state.joint
        module = to_joint_module(layer.model, layer.scale, head.weight, names, head.class_names)
        names, recipe = tuple(module.classes), layer.model.recipe
    else:
        module = to_module(model)
    card = RecordedCard(
        foundation_model(fm),
        load_fm(fm),
        recipe,
        names,
        counts,
        100 * held_out.accuracy,
        len(held_out.rows),
        date.today(),
    )
    return head_package(module, card, {"settings.json": settings})
