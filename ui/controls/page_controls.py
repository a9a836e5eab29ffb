"""Controls as widgets, in the sidebar or on a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui.controls.control import Control, Sets, Values


@dataclass(frozen=True)
class Panel:
    """The values of all controls, and the controls that a page draws.

    Attributes
    ----------
    sets : mapping
        The available embedding sets.
    controls : sequence of Control
        The control table.
    values : dict
        Value of every control by its key.
    choices : mapping
        Options of the current page's controls by their keys.
    """

    sets: Sets
    controls: tuple[Control, ...]
    values: Values
    choices: Mapping[str, list[Any]]

    def draw(self, key: str, width: int | None = None) -> None:
        """Draw a control, `width` pixels wide, unless it has no meaning for the values."""
        control = next(c for c in self.controls if c.key == key)
        if not control.hidden(self.values):
            draw_widget(control, self.choices[key], self.sets, self.values, width)


def draw_widget(control: Control, options: list[Any], sets: Sets, values: Values, width: int | None = None) -> None:
    """Draw a control as its kind of widget."""
    # Its current value: a browser that mounts the widget again starts with it, and would send another one.
    now = values[control.key]
    common: dict[str, Any] = {
        "key": control.key,
        "help": control.help if isinstance(control.help, str) else control.help(sets, values),
        "format_func": control.show,
        "disabled": bool(control.off(values)),
        "persist_state": "session",
    }
    if width:
        common["width"] = width
    if control.kind == "slider":
        st.select_slider(control.label, options, value=now, **common)
    elif control.kind == "toggle":
        del common["format_func"]
        st.toggle(control.label, value=now, **common)
    elif control.kind == "text":
        del common["format_func"]
        st.text_input(control.label, now, placeholder="a number", **common)
    elif control.kind == "many":
        if control.empty:
            common["placeholder"] = control.empty
        free_text = control.accepts is not None
        st.multiselect(control.label, options, default=list(now), accept_new_options=free_text, **common)
    elif control.kind == "segments":
        common.setdefault("width", "stretch")
        st.segmented_control(control.label, options, default=now, required=True, **common)
    else:
        free_text = control.accepts is not None
        st.selectbox(control.label, options, index=options.index(now), accept_new_options=free_text, **common)
