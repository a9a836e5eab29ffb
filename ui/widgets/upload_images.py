"""Uploaders of single images, and the list of files left out."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from imprint_core.datasets.decoding import SUFFIXES
from ui.text.markdown import plain

_IMAGE_MB = 50
_IMAGE_TYPES = [suffix.removeprefix(".") for suffix in SUFFIXES]
_MOST_LEFT_OUT = 5


def upload_image(label: str, key: str) -> UploadedFile | None:
    """Uploader of one image."""
    return st.file_uploader(label, type=_IMAGE_TYPES, max_upload_size=_IMAGE_MB, key=key)


def upload_images(label: str, key: str) -> list[UploadedFile]:
    """Uploader of any number of images."""
    return st.file_uploader(label, type=_IMAGE_TYPES, accept_multiple_files=True, max_upload_size=_IMAGE_MB, key=key)


def left_out_list(left_out: Sequence[tuple[str, str]]) -> str:
    """Markdown list of the first files that were left out, with the reasons; empty if there are none."""
    if not left_out:
        return ""
    lines = [f"- {plain(name)}: {plain(reason)}" for name, reason in left_out[:_MOST_LEFT_OUT]]
    more = [f"- and {len(left_out) - len(lines)} more"] if len(left_out) > len(lines) else []
    return "\n".join([f"Left out {len(left_out)} {'file' if len(left_out) == 1 else 'files'}:", "", *lines, *more])
