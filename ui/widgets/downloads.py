"""A download in the background: its button, progress, stop and error, the same in every window."""

from __future__ import annotations

import streamlit as st

from imprint_core.background.download import Download
from imprint_core.background.process import BackgroundJob, stop_job
from imprint_core.errors import ImprintError
from ui.server.classroom import require_teacher
from ui.text.markdown import plain
from ui.widgets.jobs import run_action, show_job_error

# Seconds between two updates of a download.
_UPDATE_SECONDS = 1.0


def show_download(download: Download, key: str, button: str, action: str, offline: str = "") -> None:
    """Draw a download; the page runs again when it starts or ends.

    `key` identifies the panel, `button` is the label of the button that starts it, `action` the subject of the message
    for those who may not, such as "Downloading weights", `offline` a sentence on what to do without a network; the
    error of a failed download, which says the same, replaces it.
    """
    job = download.unfinished()
    st.fragment(_show, run_every=_UPDATE_SECONDS if job and job.running else None)(
        download, key, button, action, offline
    )


def _show(download: Download, key: str, button: str, action: str, offline: str) -> None:
    job = download.unfinished()
    running, state_key = bool(job and job.running), f"download_running_{key}"
    if st.session_state.get(state_key, running) != running:
        st.session_state[state_key] = running
        # The download started or ended, perhaps in another window.
        st.rerun()
    st.session_state[state_key] = running
    show_job_error(key)
    if job and running:
        left, right = st.columns([3, 1], vertical_alignment="center")
        done = download.finished_bytes()
        if download.total:
            # Sizes in the tables are rounded.
            done = min(done, download.total)
            text = f"Downloading … {done / 1e6:.1f} of {download.total / 1e6:.0f} MB"
            left.progress(done / download.total, text=text)
        else:
            left.markdown(f"Downloading … {done / 1e6:.1f} MB so far.")
        right.button("Stop", on_click=run_action, args=(_stop, job, key), width="stretch", key=f"download_stop_{key}")
        return
    start = st.button(button, icon=":material/download:", key=f"download_start_{key}")
    if job and job.error:
        st.error(plain(job.error))
    elif offline:
        st.caption(plain(offline))
    if start:
        try:
            require_teacher(action)
            download.start()
        except ImprintError as error:
            st.error(plain(error))
        else:
            st.rerun()


def _stop(job: BackgroundJob) -> None:
    require_teacher("Stopping a download")
    stop_job(job)
