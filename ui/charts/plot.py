"""Show a Plotly figure so that a change draws again only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from imprint_core.figures.style import insert_theme_colors
from imprint_core.files import write_atomically
from ui.charts.record import record_figure

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = f"plotly-{version('plotly')}.min.js"


def component(name: str, script: str) -> Any:
    """A component whose script draws with Plotly."""
    here = Path(__file__).parent
    js = "\n".join((here / file).read_text(encoding="utf-8") for file in ("drawing.js", script))
    return st.components.v2.component(name, js=insert_theme_colors(js), isolate_styles=False)


def stamp_of(*parts: object) -> str:
    """Changes whenever what is to be drawn does."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


SOURCE = f"app/static/{_SCRIPT}"
_component = component("imprint_plot", "plot.js")


@st.cache_resource(show_spinner=False)
def serve_plotly() -> None:
    """Put plotly's own script where Streamlit serves it, so that no page asks the internet.

    Raises
    ------
    ImprintError
        If it can't be written there.
    """
    target = _ROOT / "static" / _SCRIPT
    if not target.is_file():
        write_atomically(target, files("plotly").joinpath("package_data/plotly.min.js").read_bytes())


@st.cache_data(max_entries=256, show_spinner=False)
def _kept(key: str, _make: Callable[[], go.Figure]) -> str:
    return str(_make().to_json())


def kept_figure(key: tuple[object, ...], make: Callable[[], go.Figure]) -> str:
    """A figure's JSON, made once for a key: Plotly takes a tenth of a second for a figure of many traces."""
    return _kept(stamp_of(*key), make)


def plot(
    name: str,
    figure: str | go.Figure,
    *,
    alt: str,
    height: int,
    on_click: Callable[[int, tuple[int, ...]], None] | None = None,
) -> None:
    """Draw a figure under the identity `name`.

    Parameters
    ----------
    name : str
        Which picture this is; the same name is drawn in place.
    figure : str or Figure
        A figure, or its JSON where that is kept.
    alt : str
        What the picture shows, for those who don't see it.
    height : int
        In pixels.
    on_click : callable, optional
        Called, before the page is drawn anew, with the number of the trace that was clicked and the number of
        the point in it; of a matrix, row and column.
    """
    text = figure if isinstance(figure, str) else figure.to_json()
    stamp = stamp_of(text)
    record_figure(name, lambda: text, alt, height, stamp)
    key = f"plot-{name}"

    def clicked() -> None:
        told = st.session_state[key].get("clicked")
        # It comes from a browser: anything may be in it.
        trace, point = (told.get("trace"), told.get("point")) if isinstance(told, dict) else (None, None)
        if on_click and isinstance(trace, int) and isinstance(point, list) and all(isinstance(i, int) for i in point):
            on_click(trace, tuple(point))

    _component(
        key=key,
        data={
            "name": name,
            "figure": text,
            "alt": alt,
            "height": height,
            "clicks": on_click is not None,
            "stamp": stamp,
            "source": SOURCE,
        },
        height=height,
        on_clicked_change=clicked,
    )
