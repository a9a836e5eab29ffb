"""Progressive figures: the browser stops requesting slices once all points are there."""

import pytest

from benchmarks.streamlit_client import run_visits, serve, visit

SCRIPT = """
import streamlit as st
from ui.charts.progressive import clear_running_figures, draw_progressively
from ui.compute.progressive import Point

count = int(st.query_params["count"])
clear_running_figures()
points = [Point((count, i), lambda i=i: i + 1) for i in range(count)]
draw_progressively("figure", points, lambda values: st.metric("sum", sum(v or 0 for v in values)), "Figure")
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    script = tmp_path_factory.mktemp("progressive") / "figure.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with serve(str(script)) as server:
        yield server.url


@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_slices_are_requested_of_a_complete_figure(url, count):
    """The page's own run computes the first point, and so completes a figure of one point."""

    async def visits():
        async with visit(url) as visitor:
            await visitor.run(f"count={count}")
            for _ in range(20):
                await visitor.tick()
            runs = visitor.runs
            await visitor.tick()
            return visitor.page.metrics, visitor.runs - runs

    assert run_visits(visits()) == ({"sum": str(sum(range(count + 1)))}, 0)
