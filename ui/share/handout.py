"""The button that downloads a lesson's handout, with the lesson's address and its QR code."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import streamlit as st

from imprint_core.export.handout import Handout, handout
from ui.share.links import is_local, page_address

_LOCAL = "This link opens on this computer only; class mode gives one for students' devices."


def handout_button(view: str, content: Callable[[], Handout]) -> None:
    """Draw the button; the handout is written when it is clicked."""
    address = f"{page_address()}?{urlencode({'view': view})}"
    note = _LOCAL if is_local() else ""

    def write() -> bytes:
        # Imported here because only a handout needs it.
        import segno

        code = segno.make(address, error="m", micro=False).svg_inline(
            border=2, dark="#000", light="#fff", omitsize=True
        )
        return handout(content(), address, code, note).encode()

    st.download_button(
        "Download handout",
        write,
        f"imprint-{view}.html",
        "text/html",
        key=f"{view}-handout",
        icon=":material/print:",
        on_click="ignore",
        help="One A4 page to print for students: questions, what to try, key terms and the link, without results. "
        + note,
    )
