"""Saves uploaded images as a dataset."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.datasets.own_images import FORMAT, MANIFEST, SPLITS, OwnImages, count_images
from imprint_core.errors import ImprintError
from imprint_core.uploads.image_files import UploadedImage
from imprint_core.uploads.labels import check_splits


def save_images(
    images: Iterable[UploadedImage],
    label: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OwnImages:
    """Check images and save them as a dataset, in a file that appears complete or not at all.

    Each image is read twice, to check and to write it, so at most one is in memory and nothing is written before all
    are checked. Either all have a split or none; without, a quarter of each class is held out. `progress` is called
    with the number of images done and their total; all are done once the file exists. The result lists the images that
    were skipped because they could not be decoded. Raises an `ImprintError` if a class has too few usable images, or
    the file cannot be written.
    """
    images = list(images)
    usable, skipped = [], []
    for done, image in enumerate(images):
        progress(done, len(images))
        try:
            decode(image.read())
        except ImprintError as error:
            skipped.append((image.display_name, str(error)))
        else:
            usable.append(image)
    if skipped and not usable:
        raise ImprintError(f"None of the files can be used; the first, '{skipped[0][0]}': {skipped[0][1]}")
    names = list(clean_classes(image.class_name for image in images))
    number = {name: c for c, name in enumerate(names)}
    labels = np.array([number[image.class_name] for image in usable], np.int32)
    has_splits = any(image.split for image in usable)
    test = check_splits(labels, np.array([i.split == "test" for i in usable]) if has_splits else None, names, "image")
    label = clean_name(label)
    path = _write(usable, labels, test, names, label, folder)
    progress(len(images), len(images))
    counts = count_images(labels[~test], labels[test], len(names))
    return OwnImages(path.stem, label, path, tuple(names), counts, tuple(skipped))


def _write(
    images: Sequence[UploadedImage],
    labels: NDArray[np.int32],
    test: NDArray[np.bool_],
    names: Sequence[str],
    label: str,
    folder: Path,
) -> Path:
    """Write the file; return its path."""
    manifest = {
        "format": FORMAT,
        "label": label,
        "class_names": list(names),
        "train": labels[~test].tolist(),
        "test": labels[test].tolist(),
    }
    temporary: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".own.", suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            digest = _write_members(file, images, test, manifest)
        path = folder / f"own_{digest[:12]}.zip"
        temporary.replace(path)
    except OSError as error:
        raise ImprintError(
            f"The images could not be written to '{folder}' ({error.strerror or error}); "
            "free some space or choose another folder, then upload them again."
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return path


def _write_members(
    file: IO[bytes], images: Sequence[UploadedImage], test: NDArray[np.bool_], manifest: dict[str, Any]
) -> str:
    """Write all members; return the SHA-256 of classes, splits and images."""
    digest = hashlib.sha256(json.dumps([manifest[k] for k in ("class_names", *SPLITS)]).encode())
    written: Counter[str] = Counter()
    # Members have no date, so equal images give equal files.
    with zipfile.ZipFile(file, "w") as archive:
        for image, is_test in zip(images, test, strict=True):
            split = SPLITS[int(is_test)]
            data = image.read()
            digest.update(f"{split} {len(data)} ".encode())
            digest.update(data)
            archive.writestr(zipfile.ZipInfo(f"{split}/{written[split]:06d}"), data)
            written[split] += 1
        archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, ensure_ascii=False))
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()
