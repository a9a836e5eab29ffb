import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from benchmarks.streamlit_client import run_visits, serve, visit


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of a process are listed on Linux only")
def test_pandas_is_imported_before_the_first_visitor():
    """It takes half of the first run, and a browser needs as long to load the page."""
    with serve() as server:
        libraries = Path(f"/proc/{server.process.pid}/maps")
        end = time.monotonic() + 60
        while "pandas" not in libraries.read_text(encoding="utf-8"):
            assert time.monotonic() < end
            time.sleep(0.1)


def test_browsers_load_the_script_of_figures_while_the_first_page_is_made(server):
    with urlopen(f"{server.url}/map") as page:  # noqa: S310
        link = page.headers["link"]
    path = link.removeprefix("<").partition(">")[0]
    assert link == f"<{path}>; rel=preload; as=script"
    run_visits(first_run(server.url))
    with urlopen(server.url + path) as script:  # noqa: S310
        assert b"plotly.js" in script.read(200)


async def first_run(url):
    async with visit(url) as session:
        await session.run()
