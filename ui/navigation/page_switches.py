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
    # At most the shots that it has, so that nothing needs to be corrected.
    most = int(info.meta["samples"]["train"]["per_class_most"])
    if isinstance(st.session_state.get("n"), int):
        st.session_state.n = min(st.session_state.n, most)


def select_set(info: SetInfo, classes: str = "all") -> None:
    """Select a set and classes in the next run, which this requests; for code that runs after the sidebar."""
    st.session_state.selected_set = {"fm": info.fm, "data": info.dataset, "classes": classes}
    st.rerun()


def apply_selected_set() -> None:
    """Set the controls to what `select_set` selected, once; called before they are drawn."""
    st.session_state.update(st.session_state.pop("selected_set", {}))


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
