"""Reruns that no user interaction caused: notes of the previous run are repeated."""

from __future__ import annotations

import streamlit as st


def rerun_page() -> None:
    """Rerun the page, because a result in the background is available."""
    st.session_state.automatic_rerun = True
    st.rerun()


def repeat_notes(notes: list[str]) -> list[str]:
    """Return the notes of this run, after those of the previous one if this is an automatic rerun."""
    state = st.session_state
    if state.pop("automatic_rerun", False):
        previous = state.get("notes", [])
        notes = [*previous, *(note for note in notes if note not in previous)]
    state.notes = notes
    return notes
