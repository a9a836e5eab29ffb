"""Drawings of the pad, classified by proxies of MNIST's digits instead of recorded shots."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.recognition.drawings import mnist_image
from ui.camera.live import live_state, show_live
from ui.camera.messages import thumbnail_uri
from ui.compute import results
from ui.widgets.fm_choice import load_fm_of

# Shots per class at most; leave-one-out of more takes longer than a frame may.
_MOST_SHOTS = 50


def show_digits(experiment: Experiment) -> None:
    """Draw the panel with the ten digits as classes, from bundled embeddings of the sidebar's FM.

    Raises
    ------
    ImprintError
        If MNIST isn't embedded by this FM, or by other weights than the available ones.
    """
    info = results.sets()[0].get((experiment.info.fm, "mnist"))
    if info is None:
        raise ImprintError(
            "MNIST is not embedded by this foundation model. Choose another one, or embed MNIST in the Library."
        )
    task = experiment.with_(info=info, classes="all", n_shot=min(experiment.n_shot or _MOST_SHOTS, _MOST_SHOTS))
    state, given = live_state("digits", ()), (info.digest, task.n_shot, task.seeds[0])
    st.caption(
        f"Draw a digit: it is scaled and centred as MNIST's images are, and compared with proxies of {task.n_shot} "
        "shots per digit of MNIST by the sidebar's recipe. Recorded shots remain, and return with the switch."
    )
    if state.given != given:
        load_fm_of(info)
        split, images = task.split(embeddings=results.embeddings(info)), results.pictures(info)
        state.given, state.prepare, state.x, state.model, state.key = given, mnist_image, None, None, None
        thumbnails = [
            "" if images is None else thumbnail_uri(images.train.by_id(int(i)).convert("RGB")) for i in split.id_train
        ]
        names = [split.names[c] for c in sorted(set(split.y_train.tolist()))]
        state.shots.replace_classes(names, list(zip(split.y_train.tolist(), thumbnails, split.X_train, strict=True)))
    show_live("digits", state, info.fm, experiment.recipe)
