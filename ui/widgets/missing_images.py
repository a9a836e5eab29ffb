"""Whether the images of a dataset or set are available; if not, why, and how to get them."""

from __future__ import annotations

import streamlit as st

from imprint_core.datasets import DATASETS, Dataset
from imprint_core.embeddings import SetInfo
from imprint_core.paths import data_folder
from ui.compute import results
from ui.server.classroom import is_teacher
from ui.text.markdown import plain
from ui.widgets.downloads import show_download


def show_images(data: Dataset, key: str) -> bool:
    """Draw whether the images of a dataset are available and, if not, how to get them; return whether they are."""
    root = data_folder()
    if data.present(root):
        st.caption(f"{plain(data.help)} The images are available.")
        return True
    st.markdown(f":material/error: The images of {plain(data.label)} are missing.")
    instruction, download = data.where_to_put(root), data.image_download(root)
    if download is not None:
        offline = f"Offline, {instruction}."
        show_download(download, key, f"Fetch images ({data.download} MB)", "Fetching images", offline)
    elif instruction:
        st.caption(f"They can't be downloaded: {plain(instruction)}.")
    else:
        st.caption(f"{plain(data.help)} Select two of these datasets in turn, and fetch their images first.")
    return False


def show_missing_images(info: SetInfo, key: str, instead: str) -> None:
    """Draw why the images of a set are missing, and a button that fetches them; nothing if they are available.

    Of a set with added classes, these are the images of the other classes. `key` identifies the panel, `instead` is a
    sentence on what it shows instead of images.
    """
    entry = info.meta["dataset"].get("base", info.meta["dataset"])
    source, root = None if entry.get("path") else DATASETS.get(entry["name"]), data_folder()
    missing = source is not None and not source.present(root)
    if not missing and results.pictures(info) is not None:
        return
    label = plain(entry["label"])
    if source is None or not missing:
        state = "are not on this machine" if source is None else "on this machine are damaged or not those of this set"
        st.caption(f"The images of {label} {state}. {instead}")
        return
    text = f"The images of {label} are not on this machine. {instead}"
    download = source.image_download(root)
    if not is_teacher():
        st.caption(f"{text} In classroom mode the teacher can add them.")
    elif download is None:
        instruction = source.where_to_put(root)
        st.caption(text + (f" To see them, {plain(instruction)}." if instruction else ""))
    else:
        job = download.unfinished()
        # The error says where to put the files.
        st.caption(instead if job and job.error else text)
        show_download(download, key, f"Fetch images ({source.download} MB)", "Fetching images")
