"""Readers of datasets: files, or a library that may download them, → labelled images."""

from __future__ import annotations

import errno
import importlib
import shutil
import tarfile
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imprint_core.background.download import run_download
from imprint_core.background.process import job_folder
from imprint_core.datasets.class_folders import images_in_folder, images_in_zip
from imprint_core.datasets.image_files import ImageListing, splits_of
from imprint_core.datasets.images import Images, Part, Splits, from_arrays
from imprint_core.datasets.keras_npz import images_in_keras_npz
from imprint_core.errors import ImprintError

# Sample ids of the parts of a merged dataset start at multiples of this.
_PART_IDS = 1_000_000


class TorchvisionFiles(NamedTuple):
    """Files of a dataset of torchvision, under the data root or its folder `torchvision`.

    `archives` is a pattern of the files that are downloaded; `needed` are read, some of them unpacked from these.
    """

    needed: tuple[str, ...]
    archives: str


_IDX = tuple(f"{split}-{part}-ubyte" for split in ("train", "t10k") for part in ("images-idx3", "labels-idx1"))
_BATCHES = ("batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch")

TORCHVISION = {
    "MNIST": TorchvisionFiles(tuple(f"MNIST/raw/{file}" for file in _IDX), "MNIST/raw/*.gz"),
    "FashionMNIST": TorchvisionFiles(tuple(f"FashionMNIST/raw/{file}" for file in _IDX), "FashionMNIST/raw/*.gz"),
    "CIFAR10": TorchvisionFiles(tuple(f"cifar-10-batches-py/{file}" for file in _BATCHES), "cifar-10-python.tar.gz"),
    "SVHN": TorchvisionFiles(("train_32x32.mat", "test_32x32.mat"), "*_32x32.mat"),
    "USPS": TorchvisionFiles(("usps.bz2", "usps.t.bz2"), "usps*.bz2"),
}
"""By the name of the class in `torchvision.datasets`."""


def torchvision_roots(root: Path) -> tuple[Path, Path]:
    """Folders under a data root where torchvision's datasets may be; downloads are in the first."""
    return root / "torchvision", root


def has_torchvision(name: str, root: Path) -> bool:
    """Check that a folder has all files of a dataset of torchvision, without opening them."""
    return any(all((base / file).is_file() for file in TORCHVISION[name].needed) for base in torchvision_roots(root))


def where_to_put(files: Sequence[str], root: Path) -> str:
    """Phrase into which folder files belong, such as "put a and b into '/data'"."""
    names = [file.rpartition("/")[2] for file in files]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"put {listed} into '{(root / files[0]).parent}'"


def torchvision_splits(name: str, root: Path) -> Splits:
    """Read the dataset of a class in `torchvision.datasets`; download it where it is missing.

    Raises an `ImprintError` if it is damaged, or missing and can't be downloaded.
    """
    from imprint_core.models.libraries import import_torchvision

    import_torchvision()
    dataset_class = getattr(importlib.import_module("torchvision.datasets"), name)
    parts = [{"split": s} for s in ("train", "test")] if name == "SVHN" else [{"train": t} for t in (True, False)]
    opened = [_open_torchvision(dataset_class, root, part) for part in parts]
    if any(data is None for data in opened):
        _download_torchvision(dataset_class, root, parts)
        opened = [_open_torchvision(dataset_class, root, part) for part in parts]
    splits = []
    for data in opened:
        pixels = np.asarray(data.data)
        if name == "SVHN":
            pixels = pixels.transpose(0, 2, 3, 1)
        splits.append(from_arrays(pixels, np.asarray(data.labels if name == "SVHN" else data.targets)))
    return Splits(splits[0], splits[1])


def _open_torchvision(dataset_class: Callable[..., Any], root: Path, part: dict[str, Any]) -> Any:
    """Open a split of a dataset of torchvision, or return None where its files are missing."""
    for base in torchvision_roots(root):
        try:
            return dataset_class(str(base), download=False, **part)
        except (FileNotFoundError, RuntimeError):
            # Raised by torchvision where files are missing or not the published ones.
            continue
        except (OSError, ValueError, AssertionError, EOFError) as error:
            raise ImprintError(
                f"{dataset_class.__name__} under '{base}' is damaged. Delete it to download it again."
            ) from error
    return None


def _download_torchvision(dataset_class: Callable[..., Any], root: Path, parts: Sequence[dict[str, Any]]) -> None:
    """Download a dataset beside its place, and move its files there when they are whole."""
    name, base = dataset_class.__name__, torchvision_roots(root)[0]
    files = TORCHVISION[name]
    with run_download(base, name) as partial:
        folder = partial / "files"
        # torchvision would take a part of a file of USPS for the whole.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            for existing in torchvision_roots(root):
                for archive in existing.glob(files.archives):
                    copy = folder / archive.relative_to(existing)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(archive, copy)
            for part in parts:
                dataset_class(str(folder), download=True, **part)
            for file in files.needed:
                (base / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).replace(base / file)
        except (OSError, RuntimeError, HTTPException, EOFError, tarfile.TarError, zlib.error) as error:
            raise _not_downloaded(name, root, error) from error


def _not_downloaded(name: str, root: Path, error: Exception) -> ImprintError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ImprintError(f"The disk with '{root}' is full. Free some space, then download {name} again.")
    if isinstance(error, (EOFError, tarfile.TarError, zlib.error)) or "corrupted" in str(error):
        return ImprintError(f"A file of {name} was damaged when it arrived. Download {name} again.")
    return ImprintError(
        f"{name} is not under '{root}' and could not be downloaded. Connect to a network once, or "
        f"{where_to_put(TORCHVISION[name].needed, root)}."
    )


def partial_archives(name: str, root: Path) -> list[Path]:
    """Files of an unfinished download."""
    return list((job_folder(torchvision_roots(root)[0], name) / "files").glob(TORCHVISION[name].archives))


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
        raise ImprintError(f"'{path.name}' is not under '{path.parent}'. Put it there.")
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
            f"y_train, x_test, y_test) into '{root}'."
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
