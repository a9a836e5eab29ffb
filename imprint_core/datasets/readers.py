"""Readers: from files, or a library that may download them, to labelled images."""

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
from imprint_core.datasets.images import Images, Part, Splits, from_arrays, hold_out, subset
from imprint_core.errors import ImprintError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
_TEST_FOLDERS = ("val", "test", "valid", "validation")
# Ids of a merged dataset's parts begin at multiples of this.
_PART = 1_000_000


def places(root: Path) -> tuple[Path, Path]:
    """Where torchvision's datasets may lie under a data root."""
    return root / "torchvision", root


def torchvision_splits(name: str, root: Path) -> Splits:
    """Read one of torchvision's datasets or, where a network is at hand, download it.

    Parameters
    ----------
    name : str
        Its class in `torchvision.datasets`.
    root : Path
        The data root; the dataset lies in it, or in its folder `torchvision`.

    Raises
    ------
    ImprintError
        If it is neither there nor to be had, or damaged.
    """
    from imprint_core.models.libraries import import_torchvision

    import_torchvision()
    kind = getattr(importlib.import_module("torchvision.datasets"), name)
    splits = []
    for train in (True, False):
        which: dict[str, Any] = {"split": "train" if train else "test"} if name == "SVHN" else {"train": train}
        data = _at_hand(kind, root, which)
        if data is None:
            try:
                data = kind(str(places(root)[0]), download=True, **which)
            except (OSError, RuntimeError, HTTPException) as error:
                raise ImprintError(
                    f"{name} is not under '{root}' and could not be downloaded; connect to a network "
                    "once, or point --data-root to a folder that holds it as torchvision lays it out."
                ) from error
        pixels = np.asarray(data.data)
        if name == "SVHN":
            pixels = pixels.transpose(0, 2, 3, 1)
        splits.append(from_arrays(pixels, np.asarray(data.labels if name == "SVHN" else data.targets)))
    return Splits(splits[0], splits[1])


def _at_hand(kind: Callable[..., Any], root: Path, which: dict[str, Any]) -> Any | None:
    """The dataset, if its files are there."""
    for base in places(root):
        try:
            return kind(str(base), download=False, **which)
        except (FileNotFoundError, RuntimeError):
            # So torchvision says that files are absent, or not those that it knows.
            continue
        except (OSError, ValueError, AssertionError, EOFError) as error:
            raise ImprintError(
                f"{kind.__name__} under '{base}' is damaged; delete it, so that it is downloaded again."
            ) from error
    return None


def npz_splits(path: Path) -> Splits:
    """Read an `.npz` in Keras' layout: `x_train, y_train, x_test, y_test`, and perhaps `classes`.

    Raises
    ------
    ImprintError
        If it isn't one, lacks an array, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            absent = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in file]
            if absent:
                raise ImprintError(
                    f"'{path.name}' lacks {', '.join(absent)}; Keras' layout has x_train, y_train, x_test and y_test."
                )
            train, test = (from_arrays(file[f"x_{s}"], file[f"y_{s}"]) for s in ("train", "test"))
            names = tuple(str(name) for name in file["classes"].reshape(-1)) if "classes" in file else None
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, ImprintError):
            raise
        reason = "holds pickled objects" if "allow_pickle" in str(error) else "is not a whole .npz file"
        raise ImprintError(
            f"'{path.name}' {reason}; give an .npz of plain arrays, as numpy.savez writes it."
        ) from error
    count = max(train.labels.max(initial=0), test.labels.max(initial=0)) + 1
    return Splits(train, test, names if names and len(names) == count else None)


def npz_or_torchvision(pattern: str, name: str, root: Path) -> Splits:
    """From an `.npz` in Keras' layout directly under the root, where there is one, else through torchvision."""
    found = sorted(root.glob(pattern))
    return npz_splits(found[0]) if found else torchvision_splits(name, root)


def npz_only(pattern: str, label: str, root: Path) -> Splits:
    """From an `.npz` in Keras' layout under the root; no library offers a download."""
    found = sorted(root.glob(pattern))
    if not found:
        raise ImprintError(
            f"{label} can't be downloaded by torchvision; put it as {pattern.replace('*', '')} (Keras' layout: "
            f"x_train, y_train, x_test, y_test) into '{root}', or point --data-root to the folder that holds it."
        )
    return npz_splits(found[0])


def svhn_splits(root: Path) -> Splits:
    """SVHN in its own `.mat` files under the root, else through torchvision.

    torchvision takes only the very files that were published; a part of them is read here, too.
    """
    for base in places(root):
        files = [base / f"{split}_32x32.mat" for split in ("train", "test")]
        if all(file.is_file() for file in files):
            train, test = (_mat(file) for file in files)
            return Splits(train, test)
    return torchvision_splits("SVHN", root)


def _mat(path: Path) -> Images:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        file = loadmat(path, variable_names=("X", "y"))
        x, y = file["X"].transpose(3, 0, 1, 2), file["y"].reshape(-1) % 10
    except (OSError, MatReadError, KeyError, ValueError, TypeError) as error:
        raise ImprintError(
            f"'{path.name}' is not a whole file in SVHN's format (X of 32 × 32 × 3 × n, y from 1 to 10); "
            "delete it, so that it is downloaded again."
        ) from error
    return from_arrays(x, y)


def digits_splits(root: Path) -> Splits:
    """scikit-learn's digits (8 x 8 grey); the last third of each class is the test split.

    `root` is not looked at: the images come with scikit-learn.
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
    """Datasets of the same classes as one, each sample keeping its class.

    Parameters
    ----------
    parts : sequence of (name, label, reader)
        Those that are at hand; the sample ids of the i-th that might be begin at i million, so that they don't
        depend on which are, and so the order must be a fixed one.
    label : str
        Of the whole.
    root : Path
        The data root.
    """
    splits = [reader(root) for _, _, reader in parts]
    train, test = (_joined([getattr(s, split) for s in splits], parts) for split in ("train", "test"))
    names = ", ".join(part_label for _, part_label, _ in parts)
    return Splits(
        train, test, label=f"{label} ({names})", parts=tuple(Part(name, part_id(name)) for name, _, _ in parts)
    )


COMBI_PARTS = ("mnist", "mnist_m", "svhn", "usps")


def part_id(name: str) -> int:
    """First sample id of a part of CombiDigits."""
    return COMBI_PARTS.index(name) * _PART


def _joined(images: list[Images], parts: Sequence[tuple[str, str, Any]]) -> Images:
    ends = np.cumsum([len(i.labels) for i in images])
    starts = ends - [len(i.labels) for i in images]
    ids = [np.arange(len(i.labels)) + part_id(name) for i, (name, _, _) in zip(images, parts, strict=True)]

    def load(row: int) -> Image.Image:
        part = int(np.searchsorted(ends, row, side="right"))
        return images[part].load(row - int(starts[part]))

    return Images(np.concatenate([i.labels for i in images]), load, np.concatenate(ids).astype(np.int32))


def folder_splits(path: Path) -> Splits:
    """Read a directory of class folders, as torchvision's ImageFolder does.

    Either `train/<class>/*` and `val/<class>/*` (or test), or `<class>/*`, of which a quarter of each class is held
    out. Class numbers follow the sorted folder names. A `classes.txt` of tab-separated folder and name gives names.

    Raises
    ------
    ImprintError
        If there are no such folders, or the splits have other classes.
    """
    if not path.is_dir():
        raise ImprintError(f"There is no folder '{path}'; give one that holds a folder of images for each class.")
    names = path / "classes.txt"
    listed = names.read_text(encoding="utf-8") if names.is_file() else ""
    members: list[tuple[tuple[str, ...], Any]] = [
        (file.relative_to(path).parts[:-1], file)
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    return _foldered(path.name, members, decode, listed)


def zip_folder_splits(path: Path) -> Splits:
    """Read a zip of class folders, laid out as for `folder_splits`, without unpacking it."""
    if not path.is_file():
        raise ImprintError(f"There is no '{path.name}' under '{path.parent}'; put it there or change --data-root.")
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ImprintError(f"'{path.name}' is not a whole zip file; give one of class folders with images.") from error
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
    return _foldered(path.name, members, load, listed)


def _foldered(
    name: str, members: list[tuple[tuple[str, ...], Any]], load: Callable[[Any], Image.Image], listed: str
) -> Splits:
    """Sort images by the folders that they are in."""
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
            f"'{name}' holds no images in class folders; lay them out as train/<class>/… and val/<class>/…, or "
            "<class>/…."
        )
    number = {folder: i for i, folder in enumerate(folders)}
    labels = np.array([number[f[depth]] for f, _ in inside], dtype=np.int32)
    whole = Images(labels, lambda i: load(inside[i][1]))
    test: NDArray[np.bool_] = np.array([f[0] == test_folder for f, _ in inside]) if split else hold_out(labels)
    by_folder = dict(line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
    names = tuple(by_folder.get(f, f).split(",")[0].strip() for f in folders)
    return Splits(_renumbered(whole, ~test, split), _renumbered(whole, test, split), names)


def _renumbered(images: Images, chosen: NDArray[np.bool_], apart: Any) -> Images:
    """The chosen rows; ids count within a split where the source keeps splits apart."""
    taken = subset(images, np.flatnonzero(chosen))
    return Images(taken.labels, taken.load) if apart else taken
