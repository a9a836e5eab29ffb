"""Notice for images that can't be embedded because the FM's weights are missing, with ways to get them."""

from __future__ import annotations

import streamlit as st

from imprint_core.background.process import stop_job
from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel, foundation_model
from imprint_core.models.download import downloaded_bytes, start_download, unfinished_download
from imprint_core.models.weights import available_weights
from ui.compute import results
from ui.text.labels import label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_choice import upload_weights

# Seconds between two updates of a download.
_UPDATE_SECONDS = 1.0


def show_missing_weights(info: SetInfo, key: str) -> bool:
    """Show which weights are missing and how to get them; `key` is of the panel.

    Returns whether they are missing.
    """
    fm = foundation_model(info.fm)
    if available_weights(fm):
        return False
    alternatives = [
        label_of_fm(name)
        for name, data in results.sets()[0]
        if data == info.dataset and name != info.fm and available_weights(foundation_model(name))
    ]
    st.info(
        f"A new image must be embedded by {plain(fm.label)} with the weights of this embedding set "
        f"({plain(info.meta['fm']['weights_origin'])}), which are missing."
        + (
            f" Weights of {plain(', '.join(alternatives))} are available: select it in the sidebar."
            * bool(alternatives)
        ),
        icon=":material/wifi_off:",
    )
    if fm.weights:
        download = unfinished_download(fm)
        st.fragment(_show_download, run_every=_UPDATE_SECONDS if download and download.running else None)(fm, key)
    upload_weights(fm, key)
    st.caption(
        f"In a terminal, `python -m imprint_core fetch --fm {fm.name}` downloads the official weights; with "
        "`--weights FILE` it takes a file. The first image is a check whether the weights give the same embeddings as "
        "the set. Official weights may differ; in this case, embed the dataset again with them in the Library."
    )
    if available_weights(fm):
        # Uploaded in this run.
        st.rerun()
    return True


def _show_download(fm: FoundationModel, key: str) -> None:
    job = unfinished_download(fm)
    running, state_key = bool(job and job.running), f"download_running_{key}"
    if st.session_state.get(state_key, running) != running:
        st.session_state[state_key] = running
        # The download started or ended, perhaps in another window.
        st.rerun()
    st.session_state[state_key] = running
    if job and job.error:
        st.error(plain(job.error))
    if job and running:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.markdown(f"Downloading … {downloaded_bytes(fm) / 1e6:.1f} MB so far.")
        right.button("Stop", on_click=stop_job, args=(job,), width="stretch", key=f"download_stop_{key}")
    elif st.button("Download official weights", icon=":material/download:", key=f"download_start_{key}"):
        try:
            start_download(fm)
        except ImprintError as error:
            st.error(plain(error))
        else:
            st.rerun()
