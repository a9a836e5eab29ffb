"""The start of a server process, before its first visitor."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import streamlit as st
from streamlit import cli_util, net_util, runtime
from streamlit.web.server.server_util import get_display_address, get_url

from ui.server.process import prepare_process
from ui.server.visitor_uploads import delete_uploads, limit_memory

# Files of the app, and Streamlit's file that reads and writes values of widgets.
_PROJECT = str(Path(__file__).resolve().parents[2] / "ui") + os.sep
_WIDGET_STATE = os.sep.join(["streamlit", "runtime", "state", "session_state.py"])
_UNREADABLE = "The page sent a value that a control cannot have. Reload the page."


def report_forged_value(error: Exception) -> bool:
    """Display a sentence, and return True, if an error is about a value of a widget that no browser sends.

    Streamlit reads such values before a script runs, and writes them while it draws the widget.
    """
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    inside = [file for file in files if file.startswith(_PROJECT) or file.endswith(_WIDGET_STATE)]
    forged = bool(inside) and inside[-1].endswith(_WIDGET_STATE)
    if forged:
        st.error(_UNREADABLE)
    return forged


@asynccontextmanager
async def prepare_server(app: st.App) -> AsyncIterator[None]:
    """Prepare the process, and open a browser if there is a screen; at the end, delete the uploads of a class."""
    prepare_process()
    # Otherwise Streamlit imports it in the first run, which then takes twice as long. Now the browser loads the page.
    threading.Thread(target=import_module, args=("pandas",), daemon=True).start()
    forbid_address_requests()
    limit_memory(runtime.get_instance().uploaded_file_mgr)
    if not st.get_option("server.headless"):
        cli_util.open_browser(get_url(get_display_address(st.get_option("server.address"))))
    yield
    delete_uploads()


def forbid_address_requests() -> None:
    """Keep Streamlit from requesting this machine's address from a public service.

    It would do so whenever a page of another origin opens a session, in the event loop, so that all visitors wait.
    Without the addresses it compares the origin with the server's own, localhost, and the options
    browser.serverAddress and server.corsAllowedOrigins.
    """
    net_util.get_external_ip = net_util.get_internal_ip = lambda: None
