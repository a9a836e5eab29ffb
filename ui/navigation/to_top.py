"""Scroll to the top of a page whose content is replaced."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "imprint_to_top",
    js=(Path(__file__).parent / "to_top.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def to_top(view: str) -> None:
    """Scroll to the top if `view`, which identifies the content, has changed."""
    _component(key="to_top", data={"view": view})
