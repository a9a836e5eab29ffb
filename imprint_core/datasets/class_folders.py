"""Class folders in a directory or a zip: one description of splits, classes, and files that are no images."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Literal, NamedTuple

from imprint_core.datasets.decoding import MOST_FILE_BYTES, has_image_name, is_image, too_large_file
from imprint_core.datasets.image_files import MOST_PATH, SPLITS, ImageFile, ImageListing, sorted_left_out
from imprint_core.datasets.images import LeftOut
from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.datasets.zips import member_name, open_zip, read_member
from imprint_core.errors import ImprintError

NAMES_FILE = "classes.txt"
"""Beside the class folders or the splits: lines of a folder, a tab and the name of its class."""

_SYSTEM_NAMES = (
    *("thumbs.db", "ehthumbs.db", "zbthumbnail.info", "desktop.ini", "icon\r", "__macosx", "$recycle.bin", "#recycle"),
    *("@eadir", "lost+found", "system volume information"),
)
_SYSTEM = "Hidden, or a file of the operating system."
_DOCUMENTS = (".txt", ".csv", ".tsv", ".json", ".md", ".html", ".xml", ".yaml", ".yml", ".pdf", ".py")
_EMPTY = "An empty folder."
_NO_IMAGE = "Not an image."
_NO_CLASS = "Not in a class folder."
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_LAYOUT = "arrange the {} as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>"
# Files read of a folder that has no names of images.
_MOST_PROBES = 5
# Folders inside each other; links to each other could be followed for ever.
_DEEPEST = 24

Parts = tuple[str, ...]


class SourceFile(NamedTuple):
    """A file of a directory or zip: folders and file name in NFC, and a function that reads its bytes."""

    path: Parts
    read: Callable[[], bytes]

    @property
    def suffix(self) -> str:
        """Suffix of the file name in lower case, with its dot."""
        return posixpath.splitext(self.path[-1])[1].lower()


def images_in_folder(folder: Path) -> ImageListing:
    """List the images in a directory of class folders; links are followed, except to a folder that contains them.

    Layouts and errors are those of `images_in_zip`.
    """
    if not folder.is_dir():
        raise ImprintError(f"The folder '{folder}' does not exist. Give one with a folder of images for each class.")
    left_out: list[LeftOut] = []
    return _arrange(list(_walk(str(folder), (), (), left_out)), left_out, "folder")


def images_in_zip(file: BinaryIO, upload: bool = False) -> ImageListing:
    """List the images in a zip of class folders, sorted by path; the file must stay open while they are read.

    Two layouts are accepted: `<class>/<image>`, and `train/<class>/<image>` with `test/<class>/<image>` (or other names
    of `SPLITS`). Both may lie within folders that all images share. If there is only `train/` or only `test/`, it
    counts as a shared folder. A split without class folders has no labels and is left out, as is a validation split
    beside a test split. Files in class folders whose names are not those of images are included: decoding decides. A
    file `classes.txt` beside the class folders or splits names the classes.

    Raises an `ImprintError` if the zip is damaged, dangerous, is too large for an `upload`, or has another layout.
    """
    archive = open_zip(file, upload=upload)
    lock = Lock()

    def read(info: zipfile.ZipInfo) -> bytes:
        with lock:
            return read_member(archive, info)

    paths = [(_path(info), info) for info in archive.infolist()]
    files = [SourceFile(path, partial(read, info)) for path, info in paths if not info.filename.endswith("/")]
    parents = {path[:depth] for path, _ in paths for depth in range(len(path))}
    empty = {path for path, info in paths if info.filename.endswith("/")} - parents
    return _arrange(files, [LeftOut(_display_name(path), _EMPTY) for path in empty if not _system_part(path)], "zip")


def _walk(
    folder: str, path: Parts, parents: tuple[tuple[int, int], ...], left_out: list[LeftOut]
) -> Iterator[SourceFile]:
    """Files in and below a folder; `parents` identify the folders that contain it."""
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in parents:
            left_out.append(LeftOut(_display_name(path), "A link to a folder that contains it."))
            return
        entries = list(os.scandir(folder))
    except OSError as error:
        if not path:
            raise ImprintError(f"The folder can't be opened ({error.strerror}). Check its permissions.") from error
        left_out.append(LeftOut(_display_name(path), f"The folder can't be opened ({error.strerror}).", "damaged"))
        return
    if not entries or len(path) == _DEEPEST:
        left_out.append(LeftOut(_display_name(path), f"More than {_DEEPEST} folders deep." if entries else _EMPTY))
        return
    parents = (*parents, (status.st_dev, status.st_ino))
    for entry in entries:
        inner = (*path, _nfc(entry.name))
        # Only links need another system call, which fails for a link to itself.
        is_folder, is_file = (
            (os.path.isdir(entry.path), os.path.isfile(entry.path))
            if entry.is_symlink()
            else (entry.is_dir(), entry.is_file())
        )
        if _system_part(inner):
            # What is inside needs no listing, and may be large.
            left_out.append(LeftOut(_display_name(inner), _SYSTEM, "system"))
        elif is_folder:
            yield from _walk(entry.path, inner, parents, left_out)
        elif is_file:
            yield SourceFile(inner, partial(_read_file, entry.path))
        else:
            what = "A broken link." if entry.is_symlink() else "Not a regular file."
            left_out.append(LeftOut(_display_name(inner), what))


def _read_file(path: str) -> bytes:
    try:
        if os.path.getsize(path) > MOST_FILE_BYTES:
            raise too_large_file()
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ImprintError(f"The file can't be opened ({error.strerror}). Check its permissions.") from error


def _arrange(files: list[SourceFile], left_out: list[LeftOut], source: Literal["folder", "zip"]) -> ImageListing:
    """Detect the layout, and list the images in class folders with their splits."""
    system = {file.path[:part] for file in files if (part := _system_part(file.path))}
    left_out += [LeftOut(_display_name(path), _SYSTEM, "system") for path in system]
    # Of entries of one name in a zip, programs that unpack it keep the last.
    by_path = {file.path: file for file in files if not _system_part(file.path)}
    files = [by_path[path] for path in sorted(by_path)]
    archive = next((f for f in files if f.suffix in _ARCHIVES), None)
    if archive:
        raise ImprintError(
            f"The {source} contains another archive, '{_display_name(archive.path)}'; unpack that one first."
        )
    candidates = [file for file in files if file.suffix not in _DOCUMENTS]
    images = _images(candidates)
    for unused, reason in _unused_splits(images).items():
        left_out.append(LeftOut(_display_name(unused), reason))
        files, candidates, images = (
            [f for f in some if f.path[: len(unused)] != unused] for some in (files, candidates, images)
        )
    if not images:
        raise ImprintError(f"The {source} has no images; {_LAYOUT.format(source)}.")
    shared = _shared_folders(images)
    has_splits = all(len(f.path) == shared + 3 and f.path[shared].lower() in SPLITS for f in images)
    depth = shared + 3 if has_splits else shared + 2
    folders = {f.path[-2] for f in images if len(f.path) == depth}
    are_splits = (re.match("train|test|val", folder, re.IGNORECASE) for folder in folders)
    if any(folder.lower() in SPLITS for folder in folders) and all(are_splits):
        splits = " and ".join(f"'{clean_name(folder)}'" for folder in sorted(folders))
        raise ImprintError(f"The splits {splits} have no class folders, so no labels; {_LAYOUT.format(source)}.")
    samples, decisive = [], set(images)
    for file in candidates:
        path = file.path
        split = SPLITS.get(path[shared].lower()) if has_splits else None
        inside = len(path) == depth and path[:shared] == images[0].path[:shared] and path[-2] in folders
        if inside and (split or not has_splits):
            samples.append((file, split))
        elif file in decisive:
            raise _layout_error(images, shared, source)
        else:
            left_out.append(LeftOut(_display_name(path), _NO_CLASS))
    names_file = next((f for f in files if f.path == (*images[0].path[:shared], NAMES_FILE)), None)
    left_out += [LeftOut(_display_name(f.path), _NO_IMAGE) for f in files if f.suffix in _DOCUMENTS and f != names_file]
    names = _class_names(sorted(folders), names_file)
    listed = [ImageFile(names[f.path[-2]], split, _display_name(f.path), f.read) for f, split in samples]
    return ImageListing(listed, tuple(names.values()), sorted_left_out(left_out))


def _layout_error(images: Sequence[SourceFile], shared: int, source: str) -> ImprintError:
    """Error that names an image which lies elsewhere than most, or a folder beside splits that is none."""
    usual, count = Counter(len(f.path) for f in images).most_common(1)[0]
    tops = {f.path[shared] for f in images if len(f.path) > shared + 2}
    unknown = sorted(top for top in tops if top.lower() not in SPLITS)
    if count == len(images) and unknown and len(unknown) < len(tops):
        return ImprintError(
            f"'{clean_name(unknown[0])}' is beside splits but is not one; rename it to train or test, or move it "
            "elsewhere."
        )
    path = next((f.path for f in images if len(f.path) != usual), images[0].path)
    others = " like the others" if count < len(images) else ""
    return ImprintError(f"'{_display_name(path)}' is not in a class folder{others}; {_LAYOUT.format(source)}.")


def _images(candidates: list[SourceFile]) -> list[SourceFile]:
    """Files that decide the layout: images by their names or, in folders without such names, by their contents.

    So a licence or a script beside the images does not.
    """
    named = [file for file in candidates if has_image_name(file.path[-1])]
    folders = {file.path[:-1] for file in named}
    others: dict[Parts, list[SourceFile]] = defaultdict(list)
    for file in candidates:
        if file.path[:-1] not in folders:
            others[file.path[:-1]].append(file)
    for inside in others.values():
        named += [file for file in inside[:_MOST_PROBES] if _holds_image(file)][:1]
    return named or candidates


def _holds_image(file: SourceFile) -> bool:
    try:
        return is_image(file.read())
    except ImprintError:
        return False


def _shared_folders(images: Sequence[SourceFile]) -> int:
    """Number of folders that contain all images, above those of classes or splits."""
    shared = 0
    while len({f.path[shared] for f in images}) == 1 and all(len(f.path) > shared + 2 for f in images):
        shared += 1
    return shared


def _unused_splits(images: Sequence[SourceFile]) -> dict[Parts, str]:
    """Folders of splits that are not used, and why, where another split has class folders."""
    if not images:
        return {}
    shared = _shared_folders(images)
    splits = {f.path[: shared + 1] for f in images if len(f.path) > shared + 1 and f.path[shared].lower() in SPLITS}
    labelled = {f.path[: shared + 1] for f in images if len(f.path) > shared + 2} & splits
    test = {path for path in labelled if path[-1].lower().startswith("test")}
    validation = {path for path in labelled if path[-1].lower().startswith("val")}
    return {path: "The split has no class folders, so no labels." for path in splits - labelled if labelled} | {
        path: "A validation split; there is a test split." for path in validation if test
    }


def _class_names(folders: Sequence[str], names_file: SourceFile | None) -> dict[str, str]:
    """Names to display by folder, in the order of class numbers."""
    clean = clean_classes(folders)
    text = names_file.read().decode("utf-8-sig", errors="replace") if names_file else ""
    lines = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    # ImageNet's names are followed by synonyms.
    given = {_nfc(folder): clean_name(name.split(",")[0]) for folder, name in lines}
    names = {folder: given.get(folder, clean[folder]) for folder in clean}
    counts = Counter(names.values())
    return {f: name if counts[name] == 1 else clean_name(f"{name} ({clean[f]})") for f, name in names.items()}


def _path(info: zipfile.ZipInfo) -> Parts:
    """Split a member's name into folders and file name.

    Backslashes separate too, as in zips from old Windows programs, so they cannot hide anything.
    """
    name = member_name(info).replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in parts or "\0" in name:
        raise ImprintError(
            f"The zip has '{clean_name(name)}', a name that points outside of it; create it again from a plain folder."
        )
    return tuple(_nfc(part) for part in parts if part not in ("", "."))


def _system_part(path: Parts) -> int:
    """Number of leading parts of a path down to a hidden or system folder or file; 0 if there is none."""
    for count, part in enumerate(path, 1):
        if part.startswith(".") or part.lower() in _SYSTEM_NAMES:
            return count
    return 0


def _display_name(path: Parts) -> str:
    return clean_name("/".join(path), MOST_PATH)


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
