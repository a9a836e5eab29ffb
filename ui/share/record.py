"""What a run has drawn, for a report of the page: its pictures and tables, under their headings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from imprint_core.export.report import Heading, Item, Picture, Table
from ui.text.markdown import inline


def forget_drawn() -> None:
    """Before a page is drawn anew."""
    st.session_state.drawn, st.session_state.headings = {}, {}


def _remember(name: str, make: Callable[[], Item], stamp: str) -> None:
    """Note an item; a fragment that draws it again puts the new one in its place."""
    st.session_state.setdefault("drawn", {})[name] = (make, stamp)


def remember(name: str, figure: Callable[[], str], alt: str, height: int, stamp: str) -> None:
    """Note a picture.

    Parameters
    ----------
    name : str
        Which picture this is.
    figure : callable
        Gives the figure's JSON, should someone ask for a report.
    alt : str
        What the picture shows.
    height : int
        In pixels.
    stamp : str
        Another one whenever the picture is.
    """
    _remember(name, lambda: Picture(figure(), alt, height), stamp)


def heading(text: str, above: str = "") -> None:
    """Draw a heading (plain text).

    Parameters
    ----------
    text : str
    above : str
        Name of the picture or table over which it stands in a report, too; that may be drawn before or much later.
    """
    st.markdown(f"##### {inline(text)}")
    if above:
        st.session_state.setdefault("headings", {})[above] = text


def caption(name: str, text: str) -> None:
    """Draw a caption (plain text) that a report repeats."""
    st.caption(inline(text))
    remember_table(name, (), (), text)


def remember_table(name: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Note a table, or numbers that are drawn in another way, as plain text."""
    own = Table(tuple(head), tuple(map(tuple, rows)), note)
    _remember(name, lambda: own, repr(own))


def table(
    name: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    align: str = "",
    names: bool = False,
    strong: int = -1,
) -> None:
    """Draw a table of plain text.

    Parameters
    ----------
    name : str
        Which table this is; the same name is drawn in place.
    head : sequence of str
    rows : sequence of sequence of str
    align : str
        Of each column "l" or "r"; without it the first stands at the left, and the others, numbers, at the right.
    names : bool
        Whether the first column is printed in bold.
    strong : int
        The row that is.
    """
    lines = [
        [_cell(text) for text in head],
        [{"l": ":--", "r": "--:"}[side] for side in align or "l".ljust(len(head), "r")],
    ]
    for number, row in enumerate(rows):
        bold = (number == strong or (names and not place) for place in range(len(row)))
        lines.append([f"**{_cell(text)}**" if b and text else _cell(text) for b, text in zip(bold, row, strict=True)])
    st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
    remember_table(name, head, rows)


def _cell(text: str) -> str:
    """As Markdown, with the spaces that hold a line together."""
    return "\u00a0".join(map(inline, text.split("\u00a0")))


def items() -> list[Item]:
    """Those of the page, in the order in which they were first drawn, each under its heading."""
    found: list[Item] = []
    for name, (make, _) in st.session_state.get("drawn", {}).items():
        above = st.session_state.headings.get(name)
        found += [Heading(above), make()] if above else [make()]
    return found


def drawn_stamp() -> str:
    """Another one whenever any of them is."""
    return "\n".join(f"{name} {stamp}" for name, (_, stamp) in st.session_state.get("drawn", {}).items())
