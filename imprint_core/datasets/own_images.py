"""Datasets of the user's own images, each in one zip file.

Its members are stored uncompressed: `train/000000`, … and `test/000000`, … are the uploaded image files,
`manifest.json` has the dataset's label, its class names, the class of each image, and whether the test split was held
out. No uploaded name is used as the name of a member.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Images, LeftOut, Splits
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.zips import DAMAGE
from imprint_core.errors import ImprintError

FORMAT = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "test")

_MOST_MANIFEST_BYTES = 16_000_000


@dataclass(frozen=True)
class OwnImages:
    """Description of a dataset of the user's own images.

    Its name in commands and links is `own_` and 12 hexadecimal digits of a digest of its contents; the user gives the
    label. `counts` are training and test images of each class; `left_out` are the files of the upload that are no part
    of it. `held_out` as in `Splits`; False in files of earlier versions.
    """

    name: str
    label: str
    path: Path
    class_names: tuple[str, ...]
    counts: tuple[tuple[int, int], ...]
    left_out: tuple[LeftOut, ...] = ()
    held_out: bool = False


def read_own_images(path: Path) -> tuple[OwnImages, Splits]:
    """Open a dataset of own images; they are decoded when they are loaded, from any thread.

    Raises an `ImprintError` if the file is missing, damaged or of another format; also when an image in it is loaded.
    """
    archive, manifest = _opened(path)
    lock = Lock()

    def images(split: str) -> Images:
        def load(i: int) -> Image.Image:
            try:
                with lock:
                    data = archive.read(f"{split}/{i:06d}")
            except DAMAGE as error:
                raise _damaged(path) from error
            return decode(data)

        return Images(manifest[split], load)

    header = _header(path, manifest)
    splits = Splits(images("train"), images("test"), header.class_names, header.label, left_out=header.left_out)
    return header, replace(splits, held_out=header.held_out)


def find_own_images(folder: Path) -> tuple[list[OwnImages], list[str]]:
    """Find the datasets of own images in `folder`, sorted by label; also return a sentence for each unreadable file."""
    datasets, problems = [], []
    for path in sorted(folder.glob("own_*.zip")):
        try:
            stat = path.stat()
            datasets.append(_cached_header(path, stat.st_mtime_ns, stat.st_size))
        except FileNotFoundError:
            continue  # removed since it was listed
        except ImprintError as error:
            problems.append(str(error))
    return sorted(datasets, key=lambda header: (header.label.casefold(), header.name)), problems


def count_images(train: NDArray[np.int32], test: NDArray[np.int32], classes: int) -> tuple[tuple[int, int], ...]:
    """Count training and test images of each class, from their class numbers."""
    counts = (np.bincount(y, minlength=classes).tolist() for y in (train, test))
    return tuple(zip(*counts, strict=True))


@lru_cache(maxsize=256)
def _cached_header(path: Path, modified: int, size: int) -> OwnImages:
    """Description in a file, cached by its stamp: large zips are slow to open, and pages need it at every rerun."""
    archive, manifest = _opened(path)
    archive.close()
    return _header(path, manifest)


def _opened(path: Path) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    """Open a file and check its manifest; labels are returned as arrays."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ImprintError(f"The images '{path.stem}' do not exist. Upload them again.") from error
    except DAMAGE as error:
        raise _damaged(path) from error
    try:
        members = set(archive.namelist())
        if MANIFEST not in members or archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST_BYTES:
            raise _damaged(path)
        manifest = json.loads(archive.read(MANIFEST))
        _check(manifest, members, path)
    except ImprintError:
        archive.close()
        raise
    except (*DAMAGE, RecursionError) as error:
        archive.close()
        raise _damaged(path) from error
    return archive, {**manifest, **{split: np.array(manifest[split], np.int32) for split in SPLITS}}


def _check(manifest: object, members: set[str], path: Path) -> None:
    match manifest:
        case {"format": int(version)} if version != FORMAT:
            raise ImprintError(
                f"'{path.name}' has format {version}; this version reads {FORMAT}. Upload the images again."
            )
        case {"format": 1, "label": str(), "class_names": [*names], "train": [*train], "test": [*test], **more}:
            classes = range(len(names))
            valid = len(names) > 1 and all(isinstance(n, str) for n in names)
            valid &= all(type(c) is int and c in classes for c in (*train, *test))
            left_out = more.get("left_out", [])
            valid &= isinstance(left_out, list) and all(map(_is_left_out, left_out))
            expected = {
                f"{s}/{i:06d}" for s, labels in zip(SPLITS, (train, test), strict=True) for i in range(len(labels))
            }
            if valid and members == {*expected, MANIFEST}:
                return
    raise _damaged(path)


def _header(path: Path, manifest: dict[str, Any]) -> OwnImages:
    names = tuple(clean_name(n) for n in manifest["class_names"])
    counts = count_images(manifest["train"], manifest["test"], len(names))
    left_out = tuple(LeftOut(*(clean_name(text, 400) for text in file)) for file in manifest.get("left_out", []))
    held_out = manifest.get("held_out") is True
    return OwnImages(path.stem, clean_name(manifest["label"]), path, names, counts, left_out, held_out)


def _is_left_out(file: object) -> bool:
    return isinstance(file, list) and len(file) == 3 and all(isinstance(text, str) for text in file)


def _damaged(path: Path) -> ImprintError:
    return ImprintError(f"'{path.name}' is damaged. Delete it and upload the images again.")
