"""Scroll to the top of a page that is opened, or to the step that it has got."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_component = st.components.v2.component(
    "imprint_to_top",
    js=(Path(__file__).parent / "to_top.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)
_to_step = st.components.v2.component(
    "imprint_to_step",
    js=(Path(__file__).parent / "to_step.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def to_top(view: str) -> None:
    """Scroll to the top if `view`, which identifies the content, has changed."""
    _component(key="to_top", data={"view": view})


def to_step(steps: int) -> None:
    """Scroll to this place if `steps`, the number of steps that the session has taken, has grown."""
    _to_step(key="to_step", data={"steps": steps})
