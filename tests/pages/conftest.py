"""Test pages as a warm server runs them."""

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import app_test


class WarmPagesManager(PagesManager):
    """Keeps st.navigation: AppTest resets it before every run and would run a file of pages/ alone."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        PagesManager.uses_pages_directory = False


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    monkeypatch.setattr(app_test, "PagesManager", WarmPagesManager)
