"""Zips of class folders: the images in them, with their classes and splits."""

from __future__ import annotations

import posixpath
import re
import zipfile
from functools import partial
from typing import BinaryIO

from imprint_core.datasets.image_files import MOST_PATH, SPLITS, ImageFile, Split
from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.datasets.readers import SUFFIXES
from imprint_core.datasets.zips import open_zip, read_member
from imprint_core.errors import ImprintError

MOST_MEMBER = 64_000_000
MOST_TOGETHER = 2_000_000_000
MOST_RATIO = 200
"""Applies to members above 1 MB; photographs hardly shrink, and plain drawings are small."""

_IGNORED_NAMES = ("thumbs.db", "desktop.ini")
_IGNORED_SUFFIXES = (".txt", ".csv", ".json", ".md")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_LAYOUT = "arrange the zip as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>"

Parts = tuple[str, ...]


def images_in_zip(file: BinaryIO) -> list[ImageFile]:
    """List the images in a zip of class folders, sorted by path; the file must stay open while they are read.

    Two layouts are accepted: `<class>/<image>`, and `train/<class>/<image>` with `test/<class>/<image>` (or `val`,
    `valid`, `validation`). Both may lie within folders that all images share. If there is only `train/` or only
    `test/`, it counts as a shared folder. Files in class folders whose names are not those of images are included:
    decoding decides.

    Raises an `ImprintError` if the zip is damaged, dangerous, too large, or has another layout.
    """
    archive = open_zip(file)
    members = [(path, info) for info in archive.infolist() if (path := _path(info)) and not _ignored(path, info)]
    _check_sizes(members)
    members.sort(key=lambda member: member[0])
    samples = _class_folders(members)
    clean = clean_classes(path[-2] for path, _, _ in samples)
    return [
        ImageFile(clean[path[-2]], split, _display_name(info), partial(read_member, archive, info))
        for path, split, info in samples
    ]


def _class_folders(members: list[tuple[Parts, zipfile.ZipInfo]]) -> list[tuple[Parts, Split | None, zipfile.ZipInfo]]:
    """Detect the layout; return the members in class folders with their splits."""
    # Images decide the layout; a licence or a script beside them does not.
    images = [path for path, _ in members if _is_image(path)] or [path for path, _ in members]
    if not images:
        raise ImprintError(f"The zip has no images; {_LAYOUT}.")
    shared = 0
    while len({p[shared] for p in images}) == 1 and all(len(p) > shared + 2 for p in images):
        shared += 1
    has_splits = all(len(p) == shared + 3 and p[shared].lower() in SPLITS for p in images)
    depth = shared + 3 if has_splits else shared + 2
    classes = {p[-2] for p in images if len(p) == depth}
    samples = []
    for path, info in members:
        if len(path) == depth and path[:shared] == images[0][:shared] and path[-2] in classes:
            split = SPLITS.get(path[shared].lower()) if has_splits else None
            if split or not has_splits:
                samples.append((path, split, info))
        elif _is_image(path):
            others = " like the others" if classes else ""
            raise ImprintError(f"'{_display_name(info)}' is not in a class folder{others}; {_LAYOUT}.")
    return samples


def _is_image(path: Parts) -> bool:
    return path[-1].lower().endswith(SUFFIXES)


def _path(info: zipfile.ZipInfo) -> Parts:
    """Split a member's name into folders and file name; empty for a folder.

    Backslashes separate too, as in zips from old Windows programs, so they cannot hide anything.
    """
    name = _decoded_name(info).replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts or "\0" in name:
        raise ImprintError(
            f"The zip has '{clean_name(name)}', a name that points outside of it; create it again from a plain folder."
        )
    return () if name.endswith("/") else tuple(p for p in parts if p not in ("", "."))


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """Decode a member's whole name; macOS writes UTF-8 without the flag, which `zipfile` decodes as CP437."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode()
        except UnicodeError:
            pass
    return name


def _ignored(path: Parts, info: zipfile.ZipInfo) -> bool:
    name = path[-1].lower()
    if "__MACOSX" in path or any(p.startswith(".") for p in path) or name in _IGNORED_NAMES:
        return True
    suffix = posixpath.splitext(name)[1]
    if suffix in _ARCHIVES:
        raise ImprintError(f"The zip contains another archive, '{_display_name(info)}'; unpack that one first.")
    return suffix in _IGNORED_SUFFIXES


def _check_sizes(members: list[tuple[Parts, zipfile.ZipInfo]]) -> None:
    for _, info in members:
        if info.file_size > MOST_MEMBER:
            raise ImprintError(f"'{_display_name(info)}' exceeds {MOST_MEMBER // 10**6} MB; make the image smaller.")
        if info.file_size > 1_000_000 and info.file_size > MOST_RATIO * info.compress_size:
            raise ImprintError(
                f"'{_display_name(info)}' is compressed more than {MOST_RATIO}-fold in the zip, as no photograph is; "
                "remove it or save it as PNG."
            )
    if sum(info.file_size for _, info in members) > MOST_TOGETHER:
        raise ImprintError(f"The zip unpacks to more than {MOST_TOGETHER // 10**9} GB; upload fewer or smaller images.")


def _display_name(info: zipfile.ZipInfo) -> str:
    return clean_name(_decoded_name(info), MOST_PATH)
