"""Classroom mode: who the teacher is, and what only the teacher may do.

`imprint serve --classroom` starts the app in this mode, with a teacher's key in the environment. Without it the app
listens on this machine only, and every visitor may do everything.

The teacher is a visitor who gave the key in this session, or whose browser runs on this machine. Behind a reverse proxy
on this machine every connection comes from this machine, so a connection counts as local only if no proxy left a header
and the browser uses a local address. A server that listens on a loopback address in this mode is behind a proxy, and
only the key counts.
"""

from __future__ import annotations

import os
import secrets
import time
from ipaddress import ip_address
from threading import Lock
from urllib.parse import urlsplit

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.session_manager import ClientContext

from imprint_core.cli.serve import ADDRESS_VARIABLE, KEY_VARIABLE
from imprint_core.errors import ImprintError

# Key of the link's query that carries the teacher's key.
LINK_KEY = "teacher"
# Key of the session: whether the visitor gave the teacher's key.
_GIVEN = "teacher_key_given"
# Headers that a reverse proxy adds.
_PROXY_HEADERS = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}
# Wrong keys from one address within so many seconds, before further ones are refused unread.
_MOST_WRONG_KEYS, _SECONDS = 10, 60.0
# Times of recent wrong keys, by the address of the browser.
_wrong_keys: dict[str, list[float]] = {}
_wrong_keys_lock = Lock()


def is_classroom() -> bool:
    """Return whether the app runs in classroom mode."""
    return bool(os.environ.get(KEY_VARIABLE))


def class_address() -> str:
    """Return the address at which a class reaches the app; empty without classroom mode."""
    return os.environ.get(ADDRESS_VARIABLE, "").rstrip("/") if is_classroom() else ""


def is_teacher() -> bool:
    """Return whether the visitor may change what all visitors share: always without classroom mode."""
    return not is_classroom() or st.session_state.get(_GIVEN) is True or _is_on_this_machine()


def require_teacher(action: str) -> None:
    """Raise an `ImprintError` if only the teacher may do an action, and the visitor is not the teacher.

    Called where the action is performed; `action` is the subject of the message, such as "Removing a set".
    """
    if not is_teacher():
        raise ImprintError(f"{action} needs the teacher's key in classroom mode. Enter the key under Share.")


def give_key(key: str) -> None:
    """Make the visitor the teacher of this session, if the key is correct.

    Raises an `ImprintError` if it is wrong, or after many wrong keys from the same address.
    """
    now, context = time.monotonic(), _client()
    address = context.remote_ip or "" if context else ""
    with _wrong_keys_lock:
        for other, times in list(_wrong_keys.items()):
            _wrong_keys[other] = [wrong for wrong in times if now - wrong < _SECONDS]
            if not _wrong_keys[other]:
                del _wrong_keys[other]
        if len(_wrong_keys.get(address, ())) >= _MOST_WRONG_KEYS:
            raise ImprintError("Too many wrong keys came from this address. Try again in a minute.")
        if not is_classroom() or not secrets.compare_digest(key.encode(), os.environ[KEY_VARIABLE].encode()):
            _wrong_keys.setdefault(address, []).append(now)
            raise ImprintError("The teacher's key is wrong. Copy it from the terminal in which the app was started.")
    st.session_state[_GIVEN] = True


def read_key_of_link() -> str:
    """Apply the teacher's key of the link and remove it from the address bar; return the error, if any, as a text."""
    if not is_classroom() or LINK_KEY not in st.query_params:
        return ""
    key = st.query_params.pop(LINK_KEY)
    try:
        give_key(key)
    except ImprintError as error:
        return str(error)
    return ""


def _client() -> ClientContext | None:
    """Address and headers of the session's connection; None without one.

    Read in one step: a visitor could disconnect, and connect again with other headers, between two reads.
    """
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return None
    client = runtime.get_instance().get_client(context.session_id)
    return client.client_context if client else None


def _is_on_this_machine() -> bool:
    context = _client()
    if context is None or is_loopback(st.get_option("server.address") or ""):
        return False
    headers = {name.lower(): value for name, value in context.headers}
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return not headers.keys() & _PROXY_HEADERS and is_loopback(context.remote_ip or "") and is_loopback(host)


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is of the machine itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
