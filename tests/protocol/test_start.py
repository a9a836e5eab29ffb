import sys
import time
from pathlib import Path

import pytest

from benchmarks.streamlit_client import serve


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of a process are listed on Linux only")
def test_pandas_is_imported_before_the_first_visitor():
    """It takes half of the first run, and a browser needs as long to load the page."""
    with serve() as server:
        libraries = Path(f"/proc/{server.process.pid}/maps")
        end = time.monotonic() + 60
        while "pandas" not in libraries.read_text(encoding="utf-8"):
            assert time.monotonic() < end
            time.sleep(0.1)
