"""Classroom mode in the Share dialog: the QR code of the link, and the teacher's key."""

from __future__ import annotations

import streamlit as st

from imprint_core.errors import ImprintError
from ui.server.classroom import class_address, give_key, is_classroom, is_teacher
from ui.share.links import is_local, link, page_address
from ui.text.markdown import plain

# Keys of the session: the typed key, and the error of the last one.
_KEY, _ERROR = "teacher_key", "teacher_key_error"
# More characters make modules too small for the camera of a phone.
_MOST_CHARACTERS = 500
_QR_CODE_PIXELS = 280


def show_qr_code() -> None:
    """Draw the QR code of the link, in classroom mode; of the page's address alone if the link is long."""
    if not class_address() or is_local():
        return
    # Imported here because only a class needs it.
    import segno

    whole = len(link()) <= _MOST_CHARACTERS
    code = segno.make(link() if whole else page_address(), error="m", micro=False)
    # Dark on white in both themes: many cameras do not read inverted codes.
    st.image(
        code.svg_inline(scale=4, border=4, dark="#000", light="#fff"),
        caption="QR code of this link" if whole else "QR code of this page without its settings: the link is too long",
        width=_QR_CODE_PIXELS,
        alt="QR code of the link",
    )


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
