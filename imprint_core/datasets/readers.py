"""Readers of datasets: files, or a library that may download them, → labelled images."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imprint_core.datasets.class_folders import images_in_folder, images_in_zip
from imprint_core.datasets.image_files import ImageListing, splits_of
from imprint_core.datasets.images import Images, Part, Splits, from_arrays
from imprint_core.datasets.keras_npz import images_in_keras_npz
from imprint_core.errors import ImprintError

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


def list_images(path: Path) -> ImageListing:
    """List the images of a folder or zip of class folders, or of an `.npz` in Keras' layout.

    Raises an `ImprintError` that names the path if it is missing, damaged, or has another layout.
    """
    try:
        if path.is_dir():
            return images_in_folder(path)
        reader = {".zip": images_in_zip, ".npz": images_in_keras_npz}[path.suffix.lower()]
        # Open as long as images of a zip are read.
        return reader(path.open("rb"))
    except (OSError, KeyError) as error:
        raise ImprintError(
            f"'{path}' is not a readable folder or zip of class folders, or .npz in Keras' layout. Check the path."
        ) from error
    except ImprintError as error:
        raise ImprintError(f"'{path.name}': {error}") from error


def file_splits(path: Path) -> Splits:
    """Open the images at a path, as `list_images` lists them, without reading them."""
    if not path.exists():
        raise ImprintError(f"'{path.name}' is not under '{path.parent}'. Put it there or change --data-root.")
    return splits_of(list_images(path))


def npz_or_torchvision(pattern: str, name: str, root: Path) -> Splits:
    """Read an `.npz` in Keras' layout directly under the root, or the dataset of torchvision where there is none."""
    files = sorted(root.glob(pattern))
    return file_splits(files[0]) if files else torchvision_splits(name, root)


def npz_only(pattern: str, label: str, root: Path) -> Splits:
    """Read an `.npz` in Keras' layout under the root; no library downloads it."""
    files = sorted(root.glob(pattern))
    if not files:
        raise ImprintError(
            f"{label} can't be downloaded by torchvision. Put {pattern.replace('*', '')} (Keras' layout: x_train, "
            f"y_train, x_test, y_test) into '{root}', or give --data-root the folder that holds it."
        )
    return file_splits(files[0])


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
