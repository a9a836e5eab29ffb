"""Three things to try first, each a button that says what it did."""

from __future__ import annotations

from typing import Any

import streamlit as st

from imprint_core.evaluation.metrics import signed, summarize
from ui.charts.accuracy_over_k import accuracies
from ui.compute import results
from ui.controls.recipe import RECIPE_CONTROLS
from ui.controls.sidebar import Selection

# What each is called, and what it sets.
_TRIES: dict[str, dict[str, Any]] = {
    "20 proxies a class": {"gen": "kmeans", "k": 20},
    "Only 5 shots": {"n": 5},
    "No normalisation": {"pre": "none", "post": "none", "inf": "none"},
}


def show_tries(selection: Selection) -> None:
    """Draw the buttons, and what the last one did."""
    values = selection.panel.values
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Try:**", width="content")
        for label, changes in _TRIES.items():
            done = all(values[key] == value for key, value in changes.items())
            st.button(label, on_click=_try, args=(selection, label, changes), disabled=done, key=f"try-{label}")
        if _standing(selection):
            st.button("Undo", icon=":material/undo:", on_click=_undo, key="try-undo")
    said = _told(selection)
    if said:
        st.markdown(said)


def _try(selection: Selection, label: str, changes: dict[str, Any]) -> None:
    values = selection.panel.values
    st.session_state.tried = {
        "label": label,
        "changes": changes,
        "before": {key: values[key] for key in changes},
        "runs": accuracies(selection, selection.recipe),
        "others": _others(selection, changes),
    }
    st.session_state.update(changes)


def _undo() -> None:
    tried = st.session_state.pop("tried")
    st.session_state.update(tried["before"])


def _others(selection: Selection, changes: dict[str, Any]) -> tuple[Any, ...]:
    """Everything else that the accuracy depends on."""
    values = selection.panel.values
    keys = ["classes", "n", "seeds", "lam_from", *(control.key for control in RECIPE_CONTROLS)]
    return (results.key_of(selection.info), *(values[key] for key in keys if key not in changes))


def _standing(selection: Selection) -> dict[str, Any] | None:
    """What was tried, as long as nothing else has changed."""
    tried: dict[str, Any] | None = st.session_state.get("tried")
    if tried is None:
        return None
    values = selection.panel.values
    same = all(values[key] == value for key, value in tried["changes"].items())
    return tried if same and tried["others"] == _others(selection, tried["changes"]) else None


def _told(selection: Selection) -> str:
    tried = _standing(selection)
    if not tried:
        return ""
    before, now = tried["runs"], accuracies(selection, selection.recipe)
    medians = f"{summarize(before).median:.1f} to {summarize(now).median:.1f} %"
    over = " (medians; the difference is the mean over seeds)" if len(now) > 1 else ""
    return f"**{tried['label']}**: accuracy went from {medians}, {signed(float((now - before).mean()))} points{over}."
