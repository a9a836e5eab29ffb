"""Images of the user's own as a dataset, read from the one file of ours that keeps them.

The file is a zip of stored members: `train/000000`, … and `test/000000`, … are the images as they
came, `manifest.json` says what the dataset is called and of which class each one is. No name from
outside is a name in it.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Images, Splits
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.zips import DAMAGE
from imprint_core.errors import ImprintError

FORMAT = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "test")

_MOST_MANIFEST = 16_000_000


@dataclass(frozen=True)
class OwnImages:
    """A dataset of the user's own images.

    Attributes
    ----------
    name, label : str
        Its name in commands and links, `own_` and 12 hexadecimal digits of what is in it, and as
        the user calls it.
    path : Path
        Its file.
    class_names : tuple of str
        By class number.
    counts : tuple of (int, int)
        Training and test images of each class.
    left_out : tuple of (str, str)
        What the user calls each image that could not be used, and a sentence why; known only
        when the dataset has just been made.
    """

    name: str
    label: str
    path: Path
    class_names: tuple[str, ...]
    counts: tuple[tuple[int, int], ...]
    left_out: tuple[tuple[str, str], ...] = ()


def read_own(path: Path) -> tuple[OwnImages, Splits]:
    """Open a dataset that `save_images` made.

    Returns
    -------
    OwnImages
    Splits
        Images decode when they are loaded, from any thread.

    Raises
    ------
    ImprintError
        If the file is missing, damaged or of another format; also when an image in it is loaded.
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

    own = _header(path, manifest)
    return own, Splits(images("train"), images("test"), own.class_names, own.label)


def find_own(folder: Path) -> tuple[list[OwnImages], list[str]]:
    """Find the datasets in `folder`.

    Returns
    -------
    found : list of OwnImages
        By label.
    problems : list of str
        A sentence for each file that can't be read.
    """
    found, problems = [], []
    for path in sorted(folder.glob("own_*.zip")):
        try:
            stat = path.stat()
            found.append(_known(path, stat.st_mtime_ns, stat.st_size))
        except FileNotFoundError:
            continue  # gone since it was listed
        except ImprintError as error:
            problems.append(str(error))
    return sorted(found, key=lambda own: (own.label.casefold(), own.name)), problems


def count_images(train: NDArray[np.int32], test: NDArray[np.int32], classes: int) -> tuple[tuple[int, int], ...]:
    """Training and test images of each class, from their class numbers."""
    both = (np.bincount(y, minlength=classes).tolist() for y in (train, test))
    return tuple(zip(*both, strict=True))


@lru_cache(maxsize=256)
def _known(path: Path, modified: int, size: int) -> OwnImages:
    """Header of a file; large zips take a while to open, and a page asks at every turn."""
    archive, manifest = _opened(path)
    archive.close()
    return _header(path, manifest)


def _opened(path: Path) -> tuple[zipfile.ZipFile, dict[str, Any]]:
    """Open a file and check its manifest, whose labels come as arrays."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise ImprintError(f"There are no images of your own called '{path.stem}'; upload them again.") from error
    except DAMAGE as error:
        raise _damaged(path) from error
    try:
        members = set(archive.namelist())
        if MANIFEST not in members or archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST:
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
                f"'{path.name}' is of format {version}, this version reads {FORMAT}; upload the images again."
            )
        case {"format": 1, "label": str(), "class_names": [*names], "train": [*train], "test": [*test]}:
            classes = range(len(names))
            right = len(names) > 1 and all(isinstance(n, str) for n in names)
            right &= all(type(c) is int and c in classes for c in (*train, *test))
            expected = {
                f"{s}/{i:06d}" for s, labels in zip(SPLITS, (train, test), strict=True) for i in range(len(labels))
            }
            if right and members == {*expected, MANIFEST}:
                return
    raise _damaged(path)


def _header(path: Path, manifest: dict[str, Any]) -> OwnImages:
    names = tuple(clean_name(n) for n in manifest["class_names"])
    counts = count_images(manifest["train"], manifest["test"], len(names))
    return OwnImages(path.stem, clean_name(manifest["label"]), path, names, counts)


def _damaged(path: Path) -> ImprintError:
    return ImprintError(f"'{path.name}' is damaged; delete it and upload the images again.")
