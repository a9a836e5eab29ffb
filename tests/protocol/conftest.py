"""The running app without a browser: its websocket protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.streamlit_client import Server, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serve() as running:
        yield running
