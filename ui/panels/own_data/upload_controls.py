"""Uploaders of files of data, and drawings of the layouts of uploads as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from imprint_core.figures.style import AMBER, BLUE
from imprint_core.files import temporary_copies
from imprint_core.uploads.formats import UploadFormat
from ui.server.classroom import is_teacher
from ui.server.visitor_uploads import MOST_BYTES, upload_limit

_FILE_MB = 500
# Readable on light and dark backgrounds.
_INK, _SOFT = "#7b8794", "#8b96a3"
_FONT = 'font-family="monospace" font-size="13"'


def upload_file(title: str, formats: Mapping[str, UploadFormat[Any]], key: str) -> UploadedFile | None:
    """Uploader of one file in one of some formats."""
    return st.file_uploader(
        f"{title}: {', '.join(f'{form.title} (.{suffix})' for suffix, form in formats.items())}",
        type=[*formats],
        max_upload_size=_file_limit(),
        key=key,
        help="\n".join(f"- `.{suffix}`: {form.layout}" for suffix, form in formats.items()),
    )


def upload_second(title: str, suffix: str, key: str) -> UploadedFile | None:
    """Uploader of the second file of a format that has two."""
    return st.file_uploader(f"{title} (.{suffix})", type=[suffix], max_upload_size=_file_limit(), key=key)


def files_on_disk(files: Sequence[UploadedFile]) -> AbstractContextManager[list[Path]]:
    """Write uploads to temporary files, without their names; raises an `ImprintError` if the disk is full."""
    return temporary_copies(files, suffixes=[f".{suffix_of(file)}" for file in files])


def _file_limit() -> int:
    return upload_limit(_FILE_MB if is_teacher() else MOST_BYTES // 10**6)


def suffix_of(file: UploadedFile) -> str:
    """Suffix of a file's name in lower case, without its dot."""
    return file.name.rpartition(".")[2].lower()


def _svg(height: int, *parts: str) -> str:
    size = f'width="330" height="{height}" viewBox="0 0 330 {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT}>{"".join(parts)}</svg>'


def _line(y: int, text: str) -> str:
    return f'<text x="4" y="{y}" fill="{_SOFT}" font-size="12">{text}</text>'


def _folder(x: int, y: int, name: str) -> str:
    shape = f"M{x} {y}h7l3 3h10v13h-20z"
    return f'<path d="{shape}" fill="{AMBER}"/><text x="{x + 27}" y="{y + 13}" fill="{_INK}">{name}</text>'


def _picture(x: int, y: int, name: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="18" height="16" rx="2" fill="{BLUE}"/>'
        f'<path d="M{x + 2} {y + 13}l5-6 4 4 2-2 3 4z" fill="#fff"/>'
        f'<text x="{x + 25}" y="{y + 13}" fill="{_SOFT}">{name}</text>'
    )


FOLDER_LAYOUT = _svg(
    220,
    _folder(4, 4, "pets.zip"),
    _folder(30, 30, "cat"),
    _picture(56, 54, "any name.jpg"),
    _picture(56, 76, "another.png"),
    _folder(30, 102, "dog"),
    _picture(56, 126, "IMG_0042.jpg"),
    _line(166, "Few images are tested in turn; of many, a"),
    _line(182, "quarter of each class is the test split,"),
    _line(198, "unless there are train/cat, train/dog and"),
    _line(214, "test/cat, test/dog."),
)


def _array(x: int, y: int, width: int, height: int, name: str, shape: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="{_SOFT}"/>'
        f'<text x="{x}" y="{y - 6}" fill="{_INK}">{name}</text>'
        f'<text x="{x}" y="{y + height + 15}" fill="{_SOFT}">{shape}</text>'
    )


ARRAY_LAYOUT = _svg(
    236,
    _array(4, 24, 150, 60, "X_train", "n × d numbers"),
    _array(190, 24, 16, 60, "y_train", "n labels"),
    _array(4, 130, 150, 30, "X_test", "m × d numbers"),
    _array(190, 130, 16, 30, "y_test", "m labels"),
    _line(198, "Or X and y: a quarter is the test split."),
    _line(214, "In tables: column label, optional split,"),
    _line(230, "and a column per dimension, or a list."),
)
