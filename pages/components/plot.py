"""Show a Plotly figure so that a change draws again only what changed."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from imprint_core.embeddings.store import write_whole

_ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = f"plotly-{version('plotly')}.min.js"
_component = st.components.v2.component(
    "imprint_plot",
    js=(Path(__file__).parent / "plot.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


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
        write_whole(target, files("plotly").joinpath("package_data/plotly.min.js").read_bytes())


def plot(
    name: str,
    figure: str | go.Figure,
    *,
    alt: str,
    height: int,
    overlay: str = "",
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
    overlay : str, optional
        JSON of a figure whose traces come on top; they may change without the figure being sent anew.
    """
    text = figure if isinstance(figure, str) else figure.to_json()
    stamp = hashlib.sha256(f"{text}\n{overlay}".encode()).hexdigest()[:16]
    _component(
        key=f"plot-{name}",
        data={
            "name": name,
            "figure": text,
            "overlay": overlay,
            "alt": alt,
            "height": height,
            "stamp": stamp,
            "source": f"app/static/{_SCRIPT}",
        },
        height=height,
    )
