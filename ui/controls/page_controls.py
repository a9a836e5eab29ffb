"""Controls as widgets, in the sidebar or where a page draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from ui.controls.control import Control, Sets, Values
from ui.controls.table import CONTROLS


@dataclass(frozen=True)
class Panel:
    """Controls that pages draw where they think fit, and their values.

    Attributes
    ----------
    values : dict
        Of every control, by its key.
    """

    sets: Sets
    values: Values
    choices: Mapping[str, list[Any]]

    def draw(self, key: str, width: int | None = None) -> None:
        """Draw a control, some pixels wide, unless it means nothing under the values."""
        control = next(c for c in CONTROLS if c.key == key)
        if not control.hidden(self.values):
            draw_widget(control, self.choices[key], self.sets, self.values, width)


def draw_widget(control: Control, options: list[Any], sets: Sets, values: Values, width: int | None = None) -> None:
    """Draw a control as its kind of widget, some pixels wide where that is given."""
    # What it is at, not what it begins with: a browser that mounts it anew starts there, and would send that.
    now = values[control.key]
    common: dict[str, Any] = {
        "key": control.key,
        "help": control.help if isinstance(control.help, str) else control.help(sets, values),
        "format_func": control.show,
        "disabled": bool(control.off(values)),
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
        own = control.accepts is not None
        if control.empty:
            common["placeholder"] = control.empty
        st.multiselect(control.label, options, default=list(now), accept_new_options=own, **common)
    elif control.kind == "segments":
        common.setdefault("width", "stretch")
        st.segmented_control(control.label, options, default=now, required=True, **common)
    else:
        own = control.accepts is not None
        st.selectbox(control.label, options, index=options.index(now), accept_new_options=own, **common)
