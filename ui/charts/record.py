"""The record of what a run drew: figures and tables under their headings, in page order; a report repeats them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from imprint_core.export.report import Heading, Item, Note, Picture, Table
from imprint_core.figures.plotly_json import Figure
from ui.text.markdown import inline


def clear_record() -> None:
    """Start an empty record, before a page is drawn."""
    st.session_state.drawn, st.session_state.headings = {}, {}


def _record(name: str, make: Callable[[], Item], stamp: str) -> None:
    """Record an item; a fragment that draws it again replaces it."""
    st.session_state.setdefault("drawn", {})[name] = (make, stamp)


def record_figure(name: str, figure: Callable[[], Figure], alt: str, height: int, stamp: str) -> None:
    """Record a figure; `figure` is called only for a report."""
    _record(name, lambda: Picture(figure(), alt, height), stamp)


def heading(text: str, above: str = "") -> None:
    """Draw a heading (plain text); `above` names the figure or table below it in a report, drawn earlier or later."""
    st.markdown(f"##### {inline(text)}")
    if above:
        st.session_state.setdefault("headings", {})[above] = text


def caption(name: str, text: str) -> None:
    """Draw and record a caption (plain text)."""
    st.caption(inline(text))
    _record(name, lambda: Note(text), text)


def record_table(name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Record a table of plain text, or numbers that the page shows in another form."""
    recorded = Table(tuple(head), tuple(map(tuple, rows)))
    _record(name, lambda: recorded, repr(recorded))


def table(
    name: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    align: str = "",
    names: bool = False,
    strong: int = -1,
) -> None:
    """Draw and record a table of plain text.

    `align` is "l" or "r" for each column; by default the first is left-aligned, the others right-aligned. `names`
    makes the first column bold, `strong` the row with this index.
    """
    lines = [
        [_cell(text) for text in head],
        [{"l": ":--", "r": "--:"}[side] for side in align or "l".ljust(len(head), "r")],
    ]
    for number, row in enumerate(rows):
        bold = (number == strong or (names and not column) for column in range(len(row)))
        lines.append([f"**{_cell(text)}**" if b and text else _cell(text) for b, text in zip(bold, row, strict=True)])
    st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
    record_table(name, head, rows)


def _cell(text: str) -> str:
    """Escape for Markdown, keeping non-breaking spaces."""
    return "\u00a0".join(map(inline, text.split("\u00a0")))


def recorded_items() -> list[Item]:
    """Items in the order in which they were first drawn, each after its heading."""
    items: list[Item] = []
    for name, (make, _) in st.session_state.get("drawn", {}).items():
        above = st.session_state.headings.get(name)
        items += [Heading(above), make()] if above else [make()]
    return items


def record_stamp() -> str:
    """Text that changes whenever a recorded item does."""
    return "\n".join(f"{name} {stamp}" for name, (_, stamp) in st.session_state.get("drawn", {}).items())
