"""Test pages as a warm server runs them."""

from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import app_test

# AppTest reads the metadata of all installed packages for each session, which takes three times as long as a page.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


class WarmPagesManager(PagesManager):
    """Keeps st.navigation: AppTest resets it before every run and would run a file of pages/ alone."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        PagesManager.uses_pages_directory = False


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    monkeypatch.setattr(app_test, "PagesManager", WarmPagesManager)
