"""Fixtures of the Map page: no maps are computed unless a test needs them."""

from __future__ import annotations

import pytest

from imprint_core.maps.jobs import MapJob
from ui.widgets import base_maps


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def requested(monkeypatch, request):
    """Maps that a page requests; no process is started for them."""
    maps = []
    if "computes_maps" not in request.fixturenames:
        monkeypatch.setattr(base_maps, "start_map_job", lambda info, norm, layouts: maps.append((norm, *layouts)))
        monkeypatch.setattr(base_maps, "read_map_job", lambda *job: MapJob(True, "laying out", 0.4, ""))
        monkeypatch.setattr(base_maps, "stop_map_job", lambda *job: None)
    return maps


@pytest.fixture
def computes_maps():
    """Let the page compute maps."""
