"""Switching pages, with something selected."""

from __future__ import annotations

import streamlit as st

from imprint_core.embeddings import SetInfo


def explore_button(info: SetInfo, key: str = "explore_it") -> None:
    """Draw a button that opens Explore with this set selected."""
    st.button("Explore it", type="primary", width="stretch", key=key, on_click=_explore, args=(info,))


def _explore(info: SetInfo) -> None:
    # In a callback: the values of controls can only be set before they are drawn.
    st.session_state.update(fm=info.fm, data=info.dataset, classes="all", goto="explore")


def go_to(page: str) -> None:
    """Switch to a page in the next run; for callbacks of buttons."""
    st.session_state.goto = page


def requested_page() -> str:
    """Return the page that a button or a link requested, once; empty if none did."""
    return str(st.session_state.pop("goto", ""))


def hand_over(page: str) -> None:
    """Continue in the app if Streamlit runs a file of `pages/` alone.

    Until the app has run once, a server treats every file of a folder `pages/` as a page, so the very first request of
    a link to a page ends there. Streamlit offers no setting for that.
    """
    st.session_state.goto = page
    st.switch_page("app.py", query_params=st.query_params.to_dict())
