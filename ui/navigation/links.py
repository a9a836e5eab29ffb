"""From one page to another with something chosen."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings import SetInfo
from ui.panels.learn.controls import OVERVIEW, VIEWS


def explore_button(info: SetInfo, key: str = "explore_it") -> None:
    """A button that leads to Explore with this set chosen."""
    st.button("Explore it", type="primary", width="stretch", key=key, on_click=_go, args=(info,))


def _go(info: SetInfo) -> None:
    # In a callback, for the sidebar's controls can be set before they are drawn only.
    st.session_state.update(fm=info.fm, data=info.dataset, classes="all", goto="explore")


def go_to(page: str) -> None:
    """Lead to a page; for buttons' callbacks."""
    st.session_state.goto = page


def asked_for() -> str:
    """The page that a button or a link asked for, once; empty where none did."""
    return str(st.session_state.pop("goto", ""))


def lesson_asked_for(root: bool) -> str:
    """The Learn page, where a new session's link to the app's root names a lesson; else empty."""
    new = "followed" not in st.session_state
    return "learn" if root and new and st.query_params.get("view") in VIEWS else ""


def leave_lessons() -> None:
    """On other pages no lesson is open, and their links name none."""
    if "view" in st.session_state:
        st.session_state.view = OVERVIEW
    if st.query_params.get("view") in VIEWS:
        del st.query_params["view"]


def hand_over(page: str) -> None:
    """From a file of `pages/` that Streamlit runs alone to the app, and there to that page.

    So it runs a link to a page that is a new server's very first request.
    """
    st.session_state.goto = page
    st.switch_page("app.py", query_params=st.query_params.to_dict())
