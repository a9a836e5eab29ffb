"""The app where it cannot write: every page works, and an attempt to save says why it failed."""

from __future__ import annotations

from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.streamlit_client import run_visits, serve, visit

# No process can create a folder there.
HOME = "/proc/imprint"
PAGES = ("explore", "learn", "camera", "map", "collapse", "curves", "compare", "leaderboard", "library", "own_data")


def test_pages_need_no_writable_folder():
    async def visit_pages(url: str) -> None:
        async with visit(url) as visitor:
            for name in PAGES:
                page = await visitor.run("data=digits", page=name)
                assert not page.exceptions + page.errors, name
            page = await visitor.run(page="library")
            embed = next(button.id for button in page.of_kind("button") if button.label == "Embed dataset")
            page = await visitor.run(states=(WidgetState(id=embed, trigger_value=True),))
            assert not page.exceptions
            (error,) = page.errors
            assert "could not be written to" in error
        async with visit(url) as visitor:
            page = await visitor.run("data=digits&fm=squeezenet1_1&norm_pre=none&min_dist=0.5", page="map")
            assert not page.exceptions + page.errors
            assert any("UMAP is not available: " in text and "could not be written to" in text for text in page.texts())

    with serve(IMPRINT_HOME=HOME) as server:
        run_visits(visit_pages(server.url))
