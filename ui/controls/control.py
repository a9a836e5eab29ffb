"""A control: one row of the control table, and its widget in the sidebar or on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from imprint_core.embeddings import SetInfo

Values = dict[str, Any]
Sets = Mapping[tuple[str, str], SetInfo]

STEPS = (
    *range(1, 11),
    *range(12, 21, 2),
    *range(25, 51, 5),
    *range(60, 101, 10),
    *range(120, 201, 20),
    *range(250, 501, 50),
    *range(600, 1001, 100),
    2000,
    5000,
)


@dataclass(frozen=True)
class Control:
    """A row of the control table. Its functions take the available sets and the values of earlier controls.

    Attributes
    ----------
    key : str
        Name in the URL and in the session.
    help : str or callable
        Markdown.
    options : callable
        Returns the valid values.
    default : any
        Used if it is valid, else the nearest valid value.
    show : callable
        Label of a value.
    kind : {"select", "segments", "slider", "toggle", "text", "many"}
        Kind of widget. The value of "many" is a tuple of options.
    accepts : callable or None
        Parses text that is not among the options; raises an `ImprintError` that explains why a text is invalid.
        None if only options are valid. A number out of range is replaced by the nearest valid one.
    joins : str
        Characters with which a text continues the previous value: Streamlit's box sends only what was added to it.
    hidden : callable
        Whether the control has no meaning for these values, and is not drawn.
    off : callable
        Why the control has no effect for these values, and is drawn disabled; empty if it has one.
    remark : callable
        A caption about its value in combination with others; empty for none.
    reset_by : tuple of str
        Keys of earlier controls: a change of one of them resets this control.
    most : int or None
        Largest number of values of "many"; None for any.
    empty : str
        Placeholder of "many" if nothing is selected.
    group : str
        Heading under *Advanced* in the sidebar.
    main : bool
        Whether the sidebar draws it first, above *Advanced*.
    page : str
        URL path of the page that draws it; empty for the sidebar.
    """

    key: str
    label: str
    help: str | Callable[[Sets, Values], str]
    options: Callable[[Sets, Values], Sequence[Any]]
    default: Any
    show: Callable[[Any], str] = str
    kind: str = "select"
    accepts: Callable[[str, Sets, Values], Any] | None = None
    joins: str = ""
    hidden: Callable[[Values], bool] = lambda values: False
    off: Callable[[Values], str] = lambda values: ""
    remark: Callable[[Values], str] = lambda values: ""
    reset_by: tuple[str, ...] = ()
    most: int | None = None
    empty: str = ""
    group: str = ""
    main: bool = False
    page: str = ""


def controls_of(*controls: Control, group: str = "", page: str = "") -> tuple[Control, ...]:
    """Return controls of one group of the sidebar, or of one page."""
    return tuple(replace(control, group=group, page=page) for control in controls)


def label_in(table: Mapping[str, Any]) -> Callable[[str], str]:
    """Return a function that shows a key of a table by its entry's label."""
    return lambda name: str(table[name].label)


def described(table: Mapping[str, Any], lead: str) -> str:
    """Return help text that lists every entry of a table."""
    return lead + "\n\n" + "\n".join(f"- **{e.label}**: {e.help}" for e in table.values())


def as_number(value: Any) -> float:
    """Return the number that a value is or writes; NaN if there is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def named_option(control: Control, text: str, options: Sequence[Any]) -> Any:
    """Return the option that `text` names by label, by key in any case, or by value; else the text itself."""
    name = text.strip().replace("_", " ").casefold()
    for option in options:
        same_number = not isinstance(option, str) and as_number(text) == option
        if same_number or name in (control.show(option).casefold(), str(option).replace("_", " ").casefold()):
            return option
    return text


@dataclass(frozen=True)
class Panel:
    """The available sets, the control table, all values by key, and the options of the current page's controls."""

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
