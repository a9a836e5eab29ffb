"""Draw a Plotly figure in place: an update draws only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.figures.plotly_json import Figure, figure_json
from imprint_core.figures.style import insert_theme_colors
from imprint_core.files import write_atomically
from ui.charts.record import record_figure

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = f"plotly-{version('plotly')}.min.js"


def component(name: str, script: str) -> Any:
    """Create a component whose script draws with Plotly."""
    folder = Path(__file__).parent
    js = "\n".join((folder / file).read_text(encoding="utf-8") for file in ("drawing.js", script))
    return st.components.v2.component(name, js=insert_theme_colors(js), isolate_styles=False)


def stamp_of(*parts: object) -> str:
    """Digest of what is drawn."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


SOURCE = f"app/static/{_SCRIPT}"
_component = component("imprint_plot", "plot.js")


@st.cache_resource(show_spinner=False)
def serve_plotly() -> None:
    """Copy plotly's script once per process, as `copy_plotly`."""
    copy_plotly()


def copy_plotly() -> None:
    """Copy plotly's script to the folder that Streamlit serves, so that pages need no internet.

    Raises
    ------
    ImprintError
        If the folder is not writable.
    """
    target = _ROOT / "static" / _SCRIPT
    if not target.is_file():
        try:
            write_atomically(target, files("plotly").joinpath("package_data/plotly.min.js").read_bytes())
        except ImprintError as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
            raise ImprintError(
                f"Plotly's script could not be copied to '{target.parent}' ({reason}). Start the app once as a user "
                "who may write to this folder."
            ) from error


def plot(
    name: str,
    figure: Figure,
    *,
    alt: str,
    height: int,
    on_click: Callable[[int, tuple[int, ...]], None] | None = None,
) -> None:
    """Draw a figure under the identity `name`; the same name is drawn in place.

    `on_click` is called before the page reruns, with the index of the clicked trace and of the point in it; in a
    matrix, of row and column.
    """
    text = figure_json(figure)
    stamp = stamp_of(text, height, on_click is not None)
    record_figure(name, lambda: figure, alt, height, stamp)
    key = f"plot-{name}"

    def clicked() -> None:
        value = st.session_state[key].get("clicked")
        # A browser can send anything.
        trace, point = (value.get("trace"), value.get("point")) if isinstance(value, dict) else (None, None)
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
