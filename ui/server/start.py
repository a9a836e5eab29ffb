"""The start of a server process, before its first visitor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from streamlit import cli_util, net_util, runtime
from streamlit.web.server.server_util import get_display_address, get_url

from ui.server.process import prepare_process
from ui.server.visitor_uploads import delete_uploads, limit_memory


@asynccontextmanager
async def prepare_server(app: st.App) -> AsyncIterator[None]:
    """Prepare the process, and open a browser if there is a screen; at the end, delete the uploads of a class."""
    prepare_process()
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
