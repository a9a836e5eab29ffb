"""Sessions of visitors."""

from __future__ import annotations

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx


def session_id() -> str:
    """Return the id of the session whose run is being computed; empty outside of Streamlit."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_connected(session: str) -> bool:
    """Return whether the browser of a session is connected."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)
