"""A zip of class folders: which of its members are images, of which class and split."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import BinaryIO

from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.datasets.readers import SUFFIXES
from imprint_core.datasets.zips import open_zip, read_member
from imprint_core.errors import ImprintError
from imprint_core.uploads.image_files import MOST_SHOWN, SPLITS, Entry, Split

MOST_MEMBER = 64_000_000
MOST_TOGETHER = 2_000_000_000
MOST_RATIO = 200
"""Of a member above 1 MB; photographs hardly shrink, and plain drawings are small."""

_IGNORED_NAMES = ("thumbs.db", "desktop.ini")
_IGNORED_SUFFIXES = (".txt", ".csv", ".json", ".md")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_LAYOUT = "lay the zip out as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>"

Parts = tuple[str, ...]


def from_archive(file: BinaryIO) -> list[Entry]:
    """Find the images in a zip of class folders, without unpacking it.

    Taken are `<class>/<image>` and `train/<class>/<image>` with `test/<class>/<image>` (or `val`,
    `valid`, `validation`), within folders that all images share. Of train and test alone, the
    folder counts as such a shared one.

    Parameters
    ----------
    file : binary file
        Seekable; it must stay open as long as the entries are read.

    Returns
    -------
    list of Entry
        By path. Files beside the images that aren't images by their names are among them; decoding
        tells.

    Raises
    ------
    ImprintError
        If the zip is damaged, dangerous, too large, or laid out otherwise.
    """
    archive = open_zip(file)
    members = [(path, info) for info in archive.infolist() if (path := _path(info)) and not _ignored(path, info)]
    _check_sizes(members)
    members.sort(key=lambda m: m[0])
    placed = _placed(members)
    clean = clean_classes(path[-2] for path, _, _ in placed)
    return [_entry(archive, info, clean[path[-2]], split) for path, split, info in placed]


def _placed(members: list[tuple[Parts, zipfile.ZipInfo]]) -> list[tuple[Parts, Split | None, zipfile.ZipInfo]]:
    """Find out how the zip is laid out; the members that lie in class folders, and their splits."""
    # The images tell; a licence or a script beside them doesn't.
    pictures = [path for path, _ in members if _is_picture(path)] or [path for path, _ in members]
    if not pictures:
        raise ImprintError(f"The zip holds no images; {_LAYOUT}.")
    shared = 0
    while len({p[shared] for p in pictures}) == 1 and all(len(p) > shared + 2 for p in pictures):
        shared += 1
    has_splits = all(len(p) == shared + 3 and p[shared].lower() in SPLITS for p in pictures)
    depth = shared + 3 if has_splits else shared + 2
    classes = {p[-2] for p in pictures if len(p) == depth}
    placed = []
    for path, info in members:
        if len(path) == depth and path[:shared] == pictures[0][:shared] and path[-2] in classes:
            split = SPLITS.get(path[shared].lower()) if has_splits else None
            if split or not has_splits:
                placed.append((path, split, info))
        elif _is_picture(path):
            like = " like the others" if classes else ""
            raise ImprintError(f"'{_shown(info)}' does not lie in a class folder{like}; {_LAYOUT}.")
    return placed


def _is_picture(path: Parts) -> bool:
    return path[-1].lower().endswith(SUFFIXES)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, class_name: str, split: Split | None) -> Entry:
    return Entry(class_name, split, _shown(info), lambda: read_member(archive, info))


def _path(info: zipfile.ZipInfo) -> Parts:
    """The folders and the name of a member; empty for a folder.

    Backslashes separate, as in zips that old Windows programs make, so that they hide nothing.
    """
    name = _name(info).replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts or "\0" in name:
        raise ImprintError(
            f"The zip holds '{clean_name(name)}', a name that points outside of it; make it anew from a plain folder."
        )
    return () if name.endswith("/") else tuple(p for p in parts if p not in ("", "."))


def _name(info: zipfile.ZipInfo) -> str:
    """A member's whole name; macOS writes UTF-8 without saying so, which `zipfile` takes for CP437."""
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
        raise ImprintError(f"The zip holds another archive, '{_shown(info)}'; unpack that one first.")
    return suffix in _IGNORED_SUFFIXES


def _check_sizes(members: list[tuple[Parts, zipfile.ZipInfo]]) -> None:
    for _, info in members:
        if info.file_size > MOST_MEMBER:
            raise ImprintError(f"'{_shown(info)}' is larger than {MOST_MEMBER // 10**6} MB; make the image smaller.")
        if info.file_size > 1_000_000 and info.file_size > MOST_RATIO * info.compress_size:
            raise ImprintError(
                f"'{_shown(info)}' shrinks to less than a {MOST_RATIO}th in the zip, as no photograph does; "
                "leave it out or save it as PNG."
            )
    if sum(info.file_size for _, info in members) > MOST_TOGETHER:
        raise ImprintError(f"The zip unpacks to more than {MOST_TOGETHER // 10**9} GB; upload fewer or smaller images.")


def _shown(info: zipfile.ZipInfo) -> str:
    return clean_name(_name(info), MOST_SHOWN)
