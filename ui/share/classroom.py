"""Classroom mode in the Share dialog: the teacher's key."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from ui.server.classroom import give_key, is_classroom, is_teacher
from ui.text.markdown import plain

# Keys of the session: the typed key, and the error of the last one.
_KEY, _ERROR = "teacher_key", "teacher_key_error"


def show_teacher_key() -> None:
    """Draw the box that takes the teacher's key, in classroom mode."""
    if not is_classroom():
        return
    if is_teacher():
        st.caption("You are the teacher of this class.")
        return
    with st.form("teacher_form", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.text_input("Teacher's key", type="password", max_chars=100, key=_KEY)
        right.form_submit_button("Use key", width="stretch", on_click=_use_key)
    if _ERROR in st.session_state:
        st.error(plain(st.session_state[_ERROR]))


def _use_key() -> None:
    st.session_state.pop(_ERROR, None)
    try:
        give_key(st.session_state[_KEY])
    except ImprintError as error:
        st.session_state[_ERROR] = str(error)
