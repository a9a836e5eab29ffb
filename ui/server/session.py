"""The session of the visitor whose run is being computed."""

from __future__ import annotations

from streamlit.runtime.scriptrunner import get_script_run_ctx


def session_id() -> str:
    """Return the id of the current session; empty outside of Streamlit."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""
