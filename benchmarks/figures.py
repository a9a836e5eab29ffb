"""Figures as plain dictionaries against Plotly's objects: all figures of five pages, in turns.

python -m benchmarks.figures
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest

from imprint_core.export.report import Picture
from imprint_core.figures.plotly_json import Figure, figure_json
from ui.charts import progressive

APP = Path(__file__).parents[1] / "app.py"
B = "norm_pre=none norm_post=none norm_inf=none"
PAGES = {"explore": {}, "map": {}, "curves": {}, "compare": {"b": B}, "collapse": {"published": "resnet50"}}
ROUNDS = 20


def figures_of(page: str, link: dict[str, str]) -> list[Figure]:
    """All figures that a page draws for SqueezeNet on digits."""
    app = AppTest.from_file(str(APP), default_timeout=600)
    for name, value in {"fm": "squeezenet1_1", "data": "digits", "n": "20", **link}.items():
        app.query_params[name] = value
    app.session_state["goto"] = page
    app.run()
    items = [make() for make, _ in app.session_state["drawn"].values()]
    return [item.figure for item in items if isinstance(item, Picture)]


def milliseconds(write: Callable[[Figure], str], figures: list[Figure]) -> float:
    start = time.perf_counter()
    for figure in figures:
        write(figure)
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    # Progressive figures are complete after one run.
    progressive.FIRST_SLICE = 600.0
    for page, link in PAGES.items():
        figures = figures_of(page, link)
        turns = [
            (milliseconds(figure_json, figures), milliseconds(lambda figure: str(go.Figure(figure).to_json()), figures))
            for _ in range(ROUNDS)
        ]
        plain, of_plotly = (statistics.median(times) for times in zip(*turns, strict=True))
        print(
            f"{page}: {len(figures)} figures, {sum(len(figure_json(f)) for f in figures) / 1000:.0f} kB; "
            f"as dictionaries {plain:.2f} ms, as Plotly's objects {of_plotly:.0f} ms ({of_plotly / plain:.0f} times)"
        )


if __name__ == "__main__":
    main()
