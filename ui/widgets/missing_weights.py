"""What to do where an image can't be embedded, because its FM's weights aren't on this machine."""

from __future__ import annotations

import streamlit as st

from imprint_core.background.process import stop_job
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel, foundation_model
from imprint_core.models.download import downloaded_bytes, start_download, unfinished_download
from imprint_core.models.weights import available_weights
from ui.controls.sidebar import Selection
from ui.text.labels import label_of_fm
from ui.text.markdown import plain
from ui.widgets.fm_choice import weights_upload

# Seconds between two looks at a download.
_EVERY = 1.0


def weights_needed(selection: Selection, place: str) -> bool:
    """Say, at a place of the page, which weights are needed and how to get them; False where they are here."""
    info = selection.info
    fm = foundation_model(info.fm)
    if available_weights(fm):
        return False
    here = [
        label_of_fm(name)
        for name, data in selection.panel.sets
        if data == info.dataset and name != info.fm and available_weights(foundation_model(name))
    ]
    st.info(
        f"A new image has to be embedded by {plain(fm.label)}, with the weights that this set was made with "
        f"({plain(info.meta['fm']['weights_origin'])}), and no weights of it are on this machine."
        + (f" Those of {plain(', '.join(here))} are: choose that FM in the sidebar." if here else ""),
        icon=":material/cloud_off:",
    )
    if fm.weights:
        _download(fm, place)
    weights_upload(fm, place)
    st.caption(
        f"Or in a terminal: `python -m imprint_core fetch --fm {fm.name}` downloads the official ones; with "
        "`--weights FILE` it takes a file. Whether weights embed as those of the set did "
        "is checked on the first image; official ones need not, and then the Library embeds the dataset anew with them."
    )
    if available_weights(fm):
        # Taken just now.
        st.rerun()
    return True


def _download(fm: FoundationModel, place: str) -> None:
    job = unfinished_download(fm)
    st.fragment(_watch, run_every=_EVERY if job and job.running else None)(fm, place)


def _watch(fm: FoundationModel, place: str) -> None:
    job = unfinished_download(fm)
    running, seen = bool(job and job.running), f"fetch_seen_{place}"
    if st.session_state.get(seen, running) != running:
        st.session_state[seen] = running
        # It began or ended, perhaps in another window.
        st.rerun()
    st.session_state[seen] = running
    if job and job.error:
        st.error(plain(job.error))
    if job and running:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.markdown(f"Downloading … {downloaded_bytes(fm) / 1e6:.1f} MB so far.")
        right.button("Stop", on_click=stop_job, args=(job,), width="stretch", key=f"fetch_stop_{place}")
    elif st.button(f"Download {fm.library}'s official weights", icon=":material/download:", key=f"fetch_begin_{place}"):
        try:
            start_download(fm)
        except ImprintError as error:
            st.error(plain(error))
        else:
            st.rerun()
