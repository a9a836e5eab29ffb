"""A button that copies the link to the current page and settings."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.share.links import shared_origin

_STYLE = """
.imprint-copy-link {
  min-height: 2.5rem; padding: 0.25rem 0.75rem; border-radius: 0.5rem; cursor: pointer; white-space: nowrap;
  border: 1px solid var(--st-border-color); background: var(--st-background-color); color: var(--st-text-color);
  font: 400 0.875rem/1.6 var(--st-font), sans-serif;
}
.imprint-copy-link:hover, .imprint-copy-link:focus-visible {
  border-color: var(--st-primary-color); color: var(--st-primary-color);
}
"""
_component = st.components.v2.component(
    "imprint_copy_link",
    js=(Path(__file__).parent / "copy_link.js").read_text(encoding="utf-8"),
    css=_STYLE,
    isolate_styles=False,
)


def copy_link(key: str = "copy-link") -> None:
    """Draw the button; a page with several of them needs distinct keys."""
    _component(key=key, data={"origins": shared_origin()}, width="content")
