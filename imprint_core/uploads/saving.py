"""Saves uploaded images as a dataset."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

from imprint_core.background.guard import run_guarded
from imprint_core.background.locks import scratch_folder
from imprint_core.datasets.image_files import CheckedImages, ImageListing, check_images, images_by_class
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.own_images import FORMAT, MANIFEST, SPLITS, OwnImages, count_images, read_own_images
from imprint_core.errors import ImprintError
from imprint_core.files import atomic_file, temporary_copies
from imprint_core.registry import look_up
from imprint_core.uploads.formats import IMAGE_FORMATS

Progress = Callable[[int, int], None]


def import_file(
    file: BinaryIO, suffix: str, label: str, folder: Path, progress: Progress = lambda done, total: None
) -> OwnImages:
    """Read an uploaded file of one of `IMAGE_FORMATS` in a guarded process, and save its images as `save_images` does.

    Raises an `ImprintError` also if the file is of another format, or reading it needs too much memory or time.
    """
    with scratch_folder(folder, "sets") as scratch, temporary_copies([file], scratch) as (path,):
        arguments = {"path": str(path), "suffix": suffix, "label": label, "folder": str(scratch)}
        return _moved(run_guarded(_import_file, arguments, progress), folder)


def import_classes(
    files: Mapping[str, Sequence[tuple[str, BinaryIO]]],
    label: str,
    folder: Path,
    progress: Progress = lambda done, total: None,
) -> OwnImages:
    """Read image files, by class (file name, file), in a guarded process, and save them as `save_images` does."""
    images = [(name, file_name, file) for name, given in files.items() for file_name, file in given]
    uploads = [file for *_, file in images]
    with scratch_folder(folder, "sets") as scratch, temporary_copies(uploads, scratch) as paths:
        entries = [(*names, str(path)) for (*names, _), path in zip(images, paths, strict=True)]
        arguments = {"classes": list(files), "entries": entries, "label": label, "folder": str(scratch)}
        return _moved(run_guarded(_import_classes, arguments, progress), folder)


def _moved(saved: str, folder: Path) -> OwnImages:
    """Move a dataset from the scratch folder, which is deleted even if a process was killed, to `folder`."""
    path = Path(saved).replace(folder / Path(saved).name)
    return read_own_images(path)[0]


def _import_file(report: Progress, path: str, suffix: str, label: str, folder: str) -> str:
    """Read and save the images of a file, in the guarded process."""
    with open(path, "rb") as file:
        listing = look_up(IMAGE_FORMATS, suffix, "image format").read(file)
        return str(save_images(listing, label, Path(folder), report).path)


def _import_classes(
    report: Progress, classes: list[str], entries: list[tuple[str, str, str]], label: str, folder: str
) -> str:
    """Read and save image files by class, in the guarded process."""
    files: dict[str, list[tuple[str, Callable[[], bytes]]]] = {name: [] for name in classes}
    for name, file_name, path in entries:
        files[name].append((file_name, Path(path).read_bytes))
    return str(save_images(images_by_class(files), label, Path(folder), report).path)


def save_images(
    listing: ImageListing,
    label: str,
    folder: Path,
    progress: Progress = lambda done, total: None,
) -> OwnImages:
    """Check images and save them as a dataset, in a file that appears complete or not at all.

    Each image is read twice, to check and to write it, so at most one is in memory and nothing is written before all
    are checked. `progress` is called with the number of images done and their total; all are done once the file exists.
    Raises an `ImprintError` if a class has too few usable images, or the file cannot be written.
    """
    checked = check_images(listing, progress)
    label, path = clean_name(label), folder / f"own_{checked.digest[:12]}.zip"
    y, test = checked.labels, checked.test
    manifest = {
        "format": FORMAT,
        "label": label,
        "class_names": list(checked.class_names),
        "train": y[~test].tolist(),
        "test": y[test].tolist(),
        "left_out": [list(file) for file in checked.left_out],
        "held_out": checked.held_out,
    }
    try:
        with atomic_file(path) as file:
            _write_members(file, checked, manifest)
    except ImprintError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise ImprintError(
            f"The images could not be written to '{folder}' ({reason}); "
            "free some space or choose another folder, then upload them again."
        ) from error
    progress(len(listing.files), len(listing.files))
    counts = count_images(y[~test], y[test], len(checked.class_names))
    return OwnImages(path.stem, label, path, checked.class_names, counts, checked.left_out, checked.held_out)


def _write_members(file: IO[bytes], checked: CheckedImages, manifest: dict[str, Any]) -> None:
    """Write all members; without dates, so that equal images give equal files."""
    written: Counter[str] = Counter()
    with zipfile.ZipFile(file, "w") as archive:
        for image, is_test in zip(checked.files, checked.test, strict=True):
            split = SPLITS[int(is_test)]
            archive.writestr(zipfile.ZipInfo(f"{split}/{written[split]:06d}"), image.read())
            written[split] += 1
        archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, ensure_ascii=False))
