"""Pages are tested as a server that has been running shows them."""

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import app_test


class WarmPagesManager(PagesManager):
    """AppTest forgets before every run that st.navigation was called, and runs a file of pages/ alone."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        PagesManager.uses_pages_directory = False


@pytest.fixture(autouse=True)
def warm(monkeypatch):
    monkeypatch.setattr(app_test, "PagesManager", WarmPagesManager)
