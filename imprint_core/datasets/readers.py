"""Readers of datasets: files, or a library that may download them, → labelled images."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Images, Part, Splits, from_arrays, hold_out
from imprint_core.errors import ImprintError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
_TEST_FOLDERS = ("val", "test", "valid", "validation")
# Sample ids of the parts of a merged dataset start at multiples of this.
_PART_IDS = 1_000_000


def torchvision_roots(root: Path) -> tuple[Path, Path]:
    """Folders under a data root where torchvision's datasets may be."""
    return root / "torchvision", root


def torchvision_splits(name: str, root: Path) -> Splits:
    """Read the dataset of a class in `torchvision.datasets`; download it where it is missing.

    It is in the data root or in its folder `torchvision`. Raises an `ImprintError` if it is damaged, or missing and
    can't be downloaded.
    """
    from imprint_core.models.libraries import import_torchvision

    import_torchvision()
    dataset_class = getattr(importlib.import_module("torchvision.datasets"), name)
    splits = []
    for train in (True, False):
        split: dict[str, Any] = {"split": "train" if train else "test"} if name == "SVHN" else {"train": train}
        data = _open_torchvision(dataset_class, root, split)
        if data is None:
            try:
                data = dataset_class(str(torchvision_roots(root)[0]), download=True, **split)
            except (OSError, RuntimeError, HTTPException) as error:
                raise ImprintError(
                    f"{name} is not under '{root}' and could not be downloaded. Connect to a network once, or give "
                    "--data-root a folder that holds it in torchvision's layout."
                ) from error
        pixels = np.asarray(data.data)
        if name == "SVHN":
            pixels = pixels.transpose(0, 2, 3, 1)
        splits.append(from_arrays(pixels, np.asarray(data.labels if name == "SVHN" else data.targets)))
    return Splits(splits[0], splits[1])


def _open_torchvision(dataset_class: Callable[..., Any], root: Path, split: dict[str, Any]) -> Any | None:
    """Open a dataset of torchvision, or return None where its files are missing."""
    for base in torchvision_roots(root):
        try:
            return dataset_class(str(base), download=False, **split)
        except (FileNotFoundError, RuntimeError):
            # Raised by torchvision where files are missing or not the published ones.
            continue
        except (OSError, ValueError, AssertionError, EOFError) as error:
            raise ImprintError(
                f"{dataset_class.__name__} under '{base}' is damaged. Delete it to download it again."
            ) from error
    return None


def npz_splits(path: Path) -> Splits:
    """Read an `.npz` in Keras' layout: `x_train`, `y_train`, `x_test`, `y_test`, optionally `classes`.

    Raises an `ImprintError` if the file is damaged, lacks an array, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in file]
            if missing:
                raise ImprintError(
                    f"'{path.name}' lacks {', '.join(missing)}. Keras' layout has x_train, y_train, x_test and y_test."
                )
            train, test = (from_arrays(file[f"x_{s}"], file[f"y_{s}"]) for s in ("train", "test"))
            names = tuple(str(name) for name in file["classes"].reshape(-1)) if "classes" in file else None
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, ImprintError):
            raise
        reason = "holds pickled objects" if "allow_pickle" in str(error) else "is not a complete .npz file"
        raise ImprintError(f"'{path.name}' {reason}. Save plain arrays with numpy.savez.") from error
    count = max(train.labels.max(initial=0), test.labels.max(initial=0)) + 1
    return Splits(train, test, names if names and len(names) == count else None)


def npz_or_torchvision(pattern: str, name: str, root: Path) -> Splits:
    """Read an `.npz` in Keras' layout directly under the root, or the dataset of torchvision where there is none."""
    files = sorted(root.glob(pattern))
    return npz_splits(files[0]) if files else torchvision_splits(name, root)


def npz_only(pattern: str, label: str, root: Path) -> Splits:
    """Read an `.npz` in Keras' layout under the root; no library downloads it."""
    files = sorted(root.glob(pattern))
    if not files:
        raise ImprintError(
            f"{label} can't be downloaded by torchvision. Put {pattern.replace('*', '')} (Keras' layout: x_train, "
            f"y_train, x_test, y_test) into '{root}', or give --data-root the folder that holds it."
        )
    return npz_splits(files[0])


def svhn_splits(root: Path) -> Splits:
    """Read SVHN from its `.mat` files under the root, or through torchvision where there are none.

    torchvision accepts only the published files; subsets of them are read here.
    """
    for base in torchvision_roots(root):
        files = [base / f"{split}_32x32.mat" for split in ("train", "test")]
        if all(file.is_file() for file in files):
            train, test = (_svhn_split(file) for file in files)
            return Splits(train, test)
    return torchvision_splits("SVHN", root)


def _svhn_split(path: Path) -> Images:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        file = loadmat(path, variable_names=("X", "y"))
        x, y = file["X"].transpose(3, 0, 1, 2), file["y"].reshape(-1) % 10
    except (OSError, MatReadError, KeyError, ValueError, TypeError) as error:
        raise ImprintError(
            f"'{path.name}' is not a complete file in SVHN's format (X of 32 × 32 × 3 × n, y from 1 to 10). "
            "Delete it to download it again."
        ) from error
    return from_arrays(x, y)


def digits_splits(root: Path) -> Splits:
    """Read scikit-learn's digits (8 × 8 grey); the last third of each class is the test split.

    `root` is ignored: the images are part of scikit-learn.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    x = np.round(data.images * (255 / 16)).astype(np.uint8)
    y = data.target
    test = np.zeros(len(y), dtype=bool)
    for c in np.unique(y):
        ids = np.flatnonzero(y == c)
        test[ids[-(len(ids) // 3) :]] = True
    return Splits(from_arrays(x[~test], y[~test]), from_arrays(x[test], y[test]))


def merged_splits(parts: Sequence[tuple[str, str, Callable[[Path], Splits]]], label: str, root: Path) -> Splits:
    """Merge datasets of the same classes: (name, label, reader) of the available ones of `COMBI_PARTS`.

    Sample ids of the i-th of `COMBI_PARTS` start at i million, so they are independent of which are available.
    """
    splits = [reader(root) for _, _, reader in parts]
    train, test = (_concatenated([getattr(s, split) for s in splits], parts) for split in ("train", "test"))
    names = ", ".join(part_label for _, part_label, _ in parts)
    return Splits(
        train, test, label=f"{label} ({names})", parts=tuple(Part(name, part_id(name)) for name, _, _ in parts)
    )


COMBI_PARTS = ("mnist", "mnist_m", "svhn", "usps")


def part_id(name: str) -> int:
    """First sample id of the samples of a part of CombiDigits."""
    return COMBI_PARTS.index(name) * _PART_IDS


def _concatenated(images: list[Images], parts: Sequence[tuple[str, str, Any]]) -> Images:
    ends = np.cumsum([len(i.labels) for i in images])
    starts = ends - [len(i.labels) for i in images]
    ids = [np.arange(len(i.labels)) + part_id(name) for i, (name, _, _) in zip(images, parts, strict=True)]

    def load(row: int) -> Image.Image:
        part = int(np.searchsorted(ends, row, side="right"))
        return images[part].load(row - int(starts[part]))

    return Images(np.concatenate([i.labels for i in images]), load, np.concatenate(ids).astype(np.int32))


def folder_splits(path: Path) -> Splits:
    """Read a directory of class folders, as torchvision's ImageFolder does.

    Either `train/<class>/*` and `val/<class>/*` (or test), or `<class>/*`, where a quarter of each class becomes the
    test split. Class numbers follow the sorted folder names. A `classes.txt` of lines of folder, tab and name gives
    class names.

    Raises an `ImprintError` if there are no such folders.
    """
    if not path.is_dir():
        raise ImprintError(f"The folder '{path}' does not exist. Give one with a folder of images for each class.")
    names = path / "classes.txt"
    listed = names.read_text(encoding="utf-8") if names.is_file() else ""
    members: list[tuple[tuple[str, ...], Any]] = [
        (file.relative_to(path).parts[:-1], file)
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    return _class_folder_splits(path.name, members, decode, listed)


def zip_folder_splits(path: Path) -> Splits:
    """Read a zip of class folders in the layout of `folder_splits`, without unpacking it."""
    if not path.is_file():
        raise ImprintError(f"'{path.name}' is not under '{path.parent}'. Put it there or change --data-root.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ImprintError(
            f"'{path.name}' is not a complete zip file. Give a zip of class folders with images."
        ) from error
    lock = Lock()

    def load(member: str) -> Image.Image:
        with lock:
            data = archive.read(member)
        return decode(data)

    names = archive.namelist()
    listed = archive.read("classes.txt").decode() if "classes.txt" in names else ""
    members: list[tuple[tuple[str, ...], Any]] = [
        (tuple(n.split("/")[:-1]), n) for n in sorted(names) if n.lower().endswith(SUFFIXES)
    ]
    return _class_folder_splits(path.name, members, load, listed)


def _class_folder_splits(
    name: str, members: list[tuple[tuple[str, ...], Any]], load: Callable[[Any], Image.Image], listed: str
) -> Splits:
    """Read splits and classes from the folders of images."""
    tops = {folders[0] for folders, _ in members if folders}
    test_folder = next((t for t in _TEST_FOLDERS if t in tops), "")
    split = "train" in tops and test_folder
    depth = 1 if split else 0
    inside = [(folders, m) for folders, m in members if len(folders) > depth]
    if split:
        inside = [(f, m) for f, m in inside if f[0] in ("train", test_folder)]
    folders = sorted({f[depth] for f, _ in inside})
    if not folders:
        raise ImprintError(
            f"'{name}' holds no images in class folders. Arrange them as train/<class>/… and val/<class>/…, or as "
            "<class>/…."
        )
    number = {folder: i for i, folder in enumerate(folders)}
    labels = np.array([number[f[depth]] for f, _ in inside], dtype=np.int32)
    images = Images(labels, lambda i: load(inside[i][1]))
    test: NDArray[np.bool_] = np.array([f[0] == test_folder for f, _ in inside]) if split else hold_out(labels)
    by_folder = dict(line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
    names = tuple(by_folder.get(f, f).split(",")[0].strip() for f in folders)
    return Splits(_select(images, ~test, bool(split)), _select(images, test, bool(split)), names)


def _select(images: Images, mask: NDArray[np.bool_], renumber: bool) -> Images:
    """Select rows; ids count within the split where the files have splits."""
    rows = np.flatnonzero(mask).astype(np.int32)
    return Images(images.labels[rows], lambda i: images.load(int(rows[i])), None if renumber else images.ids_of(rows))
