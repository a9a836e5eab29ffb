"""A button that adds a class, and three changes to try first, as buttons that report their effect."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitInvalidLayoutContextError

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import signed_difference
from ui.compute import results
from ui.controls.recipe import RECIPE_CONTROLS
from ui.controls.sidebar import Selection

# Label, and the controls' values that it sets.
_TRIES: dict[str, dict[str, Any]] = {
    "20 proxies per class": {"gen": "kmeans", "k": 20},
    "Only 5 shots": {"n": 5},
    "No normalisation": {"norm_pre": "none", "norm_post": "none", "norm_inf": "none"},
}


def show_tries(selection: Selection) -> None:
    """Draw the buttons, and the effect of the last one if the accuracy of every seed is known."""
    values = selection.panel.values
    tried = _current_try(selection)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button("Add a class", type="primary", icon=":material/add_circle:", key="add-class"):
            # Imported late because it loads scikit-learn, which the first page does not need.
            from ui.widgets.add_class import add_class_dialog

            # A forged message may press the button of another dialog, too; only one can be open.
            with suppress(StreamlitInvalidLayoutContextError):
                add_class_dialog(selection.experiment)
        st.markdown("**Try:**", width="content")
        for label, changes in _TRIES.items():
            done = all(values[key] == value for key, value in changes.items())
            args = (selection, label, changes)
            st.button(label, on_click=_try, args=args, disabled=done, key=f"try-{label}")
        if tried:
            st.button("Undo", icon=":material/undo:", on_click=_undo, key="try-undo")
    if tried:
        known = results.is_evaluated(selection.experiment)
        st.markdown(_effect(tried, selection.experiment) if known else f"**{tried['label']}**: …")


def _try(selection: Selection, label: str, changes: dict[str, Any]) -> None:
    values = selection.panel.values
    st.session_state.tried = {
        "label": label,
        "changes": changes,
        "before": {key: values[key] for key in changes},
        "experiment": selection.experiment,
        "others": _others(selection, changes),
    }
    st.session_state.update(changes)


def _undo() -> None:
    tried = st.session_state.pop("tried")
    st.session_state.update(tried["before"])


def _others(selection: Selection, changes: dict[str, Any]) -> tuple[Any, ...]:
    """Everything else that the accuracy depends on."""
    values = selection.panel.values
    keys = ["n", "seeds", "lam_from", *(control.key for control in RECIPE_CONTROLS)]
    return (selection.experiment.samples_key, *(values[key] for key in keys if key not in changes))


def _current_try(selection: Selection) -> dict[str, Any] | None:
    """The last try, unless something else has changed since."""
    tried: dict[str, Any] | None = st.session_state.get("tried")
    if tried is None:
        return None
    values = selection.panel.values
    same = all(values[key] == value for key, value in tried["changes"].items())
    return tried if same and tried["others"] == _others(selection, tried["changes"]) else None


def _effect(tried: dict[str, Any], now: Experiment) -> str:
    first, second = (results.evaluation(each).summary.median for each in (tried["experiment"], now))
    statistic = "median accuracy" if len(now.seeds) > 1 else "accuracy"
    return (
        f"**{tried['label']}**: {statistic} went from {first:.1f} to {second:.1f} %, "
        f"{signed_difference(second, first)} points."
    )
