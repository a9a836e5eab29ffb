"""The link to the current page and settings; in classroom mode with the address at which the class reaches the app."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ui.server.classroom import class_address, is_loopback


def link() -> str:
    """Return the address of the current page and settings."""
    query = urlencode(st.query_params.to_dict())
    return f"{page_address()}?{query}" if query else page_address()


def page_address() -> str:
    """Return the address of the current page without settings."""
    address = st.context.url or ""
    # Browsers add a slash to an address without a path.
    address += "/" if address.count("/") == 2 else ""
    return address.replace(*shared_origin(), 1) if shared_origin() else address


def shared_origin() -> tuple[str, str] | None:
    """Return the local origin of the current page and the one to share; None if the page's own is to be shared."""
    parts = urlsplit(st.context.url or "")
    if not class_address() or not is_loopback(parts.hostname or ""):
        return None
    return urlunsplit((parts.scheme, parts.netloc, "", "", "")), class_address()


def is_local() -> bool:
    """Return whether the shared address of the app is valid on this machine only."""
    hostname = urlsplit(page_address()).hostname
    return hostname is None or is_loopback(hostname)
