"""What a run has drawn, for a report of the page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imprint_core.report import Picture


def forget_drawn() -> None:
    """Before a page is drawn anew."""
    st.session_state.drawn = {}


def remember(name: str, figure: Callable[[], str], alt: str, height: int, stamp: str) -> None:
    """Note a picture; a fragment that draws it again puts the new one in its place.

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
    st.session_state.setdefault("drawn", {})[name] = (figure, alt, height, stamp)


def pictures() -> list[Picture]:
    """Those of the page, in the order in which they were first drawn."""
    return [Picture(figure(), alt, height) for figure, alt, height, _ in st.session_state.get("drawn", {}).values()]


def drawn_stamp() -> str:
    """Another one whenever any of them is."""
    return "\n".join(f"{name} {stamp}" for name, (*_, stamp) in st.session_state.get("drawn", {}).items())
