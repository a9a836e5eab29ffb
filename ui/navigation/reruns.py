"""A whole run that no person asked for: what the one before had to say is said again."""

from __future__ import annotations

import streamlit as st


def draw_again() -> None:
    """Draw the page anew, since something that was computed aside is there now."""
    st.session_state.by_itself = True
    st.rerun()


def still_said(notes: list[str]) -> list[str]:
    """The notes of this run, and of the one before where nothing but the page itself asked for this one."""
    state = st.session_state
    if state.pop("by_itself", False):
        notes = [*state.get("said", []), *(note for note in notes if note not in state.get("said", []))]
    state.said = notes
    return notes
