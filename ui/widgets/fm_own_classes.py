"""Switch that adds the FM's own classes to new ones, and names of both."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.fm_classes import JointScore
from imprint_core.models.classifier_head import ClassifierHead
from ui.compute.fm_classes import classifier_head, weights_digest
from ui.text.markdown import plain
from ui.widgets.fm_choice import load_fm_of


def own_classes_switch(fm: str, key: str) -> ClassifierHead | None:
    """Draw the switch; return the FM's classifier if it is on and the FM has a suitable one. `key` is of the panel."""
    switched_on = st.toggle(
        "With the FM's own 1,000 classes",
        key=f"own_classes_{key}",
        persist_state="session",
        help="The weights of the FM's classifier, of length 1, are compared as well as the proxies (Qi et al., 2018), "
        "with a scale of the proxies that is chosen on the shots. Default: off.",
    )
    if not switched_on:
        return None
    try:
        with st.spinner("Reading the classifier …"):
            return classifier_head(fm)
    except ImprintError as error:
        st.error(plain(error))
        return None


def joint_name(score: JointScore, head: ClassifierHead, new_names: dict[int, str]) -> str:
    """Name of a class of a joint layer; old ones are marked."""
    return new_names.get(score.label, "") if score.is_new else f"{head.class_names[score.label]} (FM's own)"


def check_classifier(info: SetInfo) -> None:
    """Raise an `ImprintError` if the classifier's FM has other weights than the one that made a set."""
    if weights_digest(info.fm) != info.meta["fm"].get("weights_sha256"):
        # Rounded weights have another digest and the same embeddings.
        load_fm_of(info)
