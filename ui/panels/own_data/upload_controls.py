"""Controls that the tabs share: uploaders of files and images, and the list of skipped files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from imprint_core.datasets.readers import SUFFIXES
from imprint_core.uploads.formats import UploadFormat
from ui.text.markdown import plain

_FILE_MB = 500
_IMAGE_MB = 50
_IMAGE_TYPES = [suffix.removeprefix(".") for suffix in SUFFIXES]
_MOST_SKIPPED = 5


def upload_file(title: str, formats: Mapping[str, UploadFormat[Any]], key: str) -> UploadedFile | None:
    """Uploader of one file in one of some formats."""
    return st.file_uploader(
        f"{title}: {', '.join(f'{form.title} (.{suffix})' for suffix, form in formats.items())}",
        type=[*formats],
        max_upload_size=_FILE_MB,
        key=key,
        help="\n".join(f"- `.{suffix}`: {form.layout}" for suffix, form in formats.items()),
    )


def suffix_of(file: UploadedFile) -> str:
    """Suffix of a file's name in lower case, without its dot."""
    return file.name.rpartition(".")[2].lower()


def upload_image(label: str, key: str) -> UploadedFile | None:
    """Uploader of one image."""
    return st.file_uploader(label, type=_IMAGE_TYPES, max_upload_size=_IMAGE_MB, key=key)


def upload_images(label: str, key: str) -> list[UploadedFile]:
    """Uploader of any number of images."""
    return st.file_uploader(label, type=_IMAGE_TYPES, accept_multiple_files=True, max_upload_size=_IMAGE_MB, key=key)


def skipped_list(skipped: Sequence[tuple[str, str]]) -> str:
    """Markdown list of the first files that were skipped, with the reasons; empty if there are none."""
    if not skipped:
        return ""
    lines = [f"- {plain(name)}: {plain(reason)}" for name, reason in skipped[:_MOST_SKIPPED]]
    more = [f"- and {len(skipped) - len(lines)} more"] if len(skipped) > len(lines) else []
    return "\n".join(
        [f"Skipped {len(skipped)} unreadable {'file' if len(skipped) == 1 else 'files'}:", "", *lines, *more]
    )
