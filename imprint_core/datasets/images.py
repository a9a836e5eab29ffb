"""Labelled images as the extraction sees them, and the readers that make them."""

from __future__ import annotations

import importlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.errors import ImprintError


@dataclass(frozen=True)
class Images:
    """One split of a dataset: labels at hand, pixels read one at a time.

    Attributes
    ----------
    labels : ndarray of shape (n,), int32
        Class of each sample, 0 … C-1.
    load : callable
        Maps a sample's index in this split to a PIL image in RGB. The index is the sample's
        stable id: it never depends on what was drawn.
    """

    labels: NDArray[np.int32]
    load: Callable[[int], Image.Image]

    def draw(self, per_class: int | None, seed: int) -> NDArray[np.int32]:
        """Draw at most `per_class` sample ids of each class, at random but always the same.

        The ids come ordered by class, and within a class in an order such that a smaller
        draw is a prefix of a larger one.

        Parameters
        ----------
        per_class : int or None
            How many of each class; None for all.
        seed : int
            Seed of the draw.

        Returns
        -------
        ndarray of shape (m,), int32
        """
        drawn = []
        for c in np.unique(self.labels):
            ids = np.flatnonzero(self.labels == c)
            drawn.append(np.random.default_rng((seed, int(c))).permutation(ids)[:per_class])
        return np.concatenate(drawn).astype(np.int32)


@dataclass(frozen=True)
class Splits:
    """Training and test split, and the class names where the source tells them."""

    train: Images
    test: Images
    class_names: tuple[str, ...] | None = None


def from_arrays(x: NDArray[np.uint8], y: NDArray[np.integer]) -> Images:
    """Wrap pixels (n, h, w) or (n, h, w, 3), 0 … 255, and labels (n,)."""
    if len(x) != len(y):
        raise ImprintError(f"There are {len(x)} images but {len(y)} labels; each image needs one.")
    return Images(np.asarray(y).reshape(-1).astype(np.int32), lambda i: Image.fromarray(x[i]).convert("RGB"))


def torchvision_splits(name: str, root: Path) -> Splits:
    """Read (or, where a network is at hand, download) one of torchvision's datasets."""
    from imprint_core.models.loading import import_torchvision

    import_torchvision()
    kind = getattr(importlib.import_module("torchvision.datasets"), name)
    candidates = [root / "torchvision", root]
    base = next((p for p in candidates if (p / name).exists()), candidates[0])
    splits = []
    for train in (True, False):
        try:
            data = kind(str(base), train=train, download=False)
        except RuntimeError:
            try:
                data = kind(str(base), train=train, download=True)
            except (OSError, RuntimeError) as error:
                raise ImprintError(
                    f"{name} is not under '{base}' and could not be downloaded; connect to a network "
                    "once, or point --data-root to a folder that holds it as torchvision lays it out."
                ) from error
        splits.append(from_arrays(np.asarray(data.data), np.asarray(data.targets)))
    return Splits(splits[0], splits[1])


def npz_splits(path: Path) -> Splits:
    """Read an `.npz` in Keras' layout: `x_train, y_train, x_test, y_test`."""
    with np.load(path, allow_pickle=False) as file:
        absent = [k for k in ("x_train", "y_train", "x_test", "y_test") if k not in file]
        if absent:
            raise ImprintError(
                f"'{path.name}' lacks {', '.join(absent)}; Keras' layout has x_train, y_train, x_test and y_test."
            )
        return Splits(
            from_arrays(file["x_train"], file["y_train"]),
            from_arrays(file["x_test"], file["y_test"]),
        )


def cifar10_splits(root: Path) -> Splits:
    """CIFAR-10 from an `.npz` in Keras' layout under `root`, else through torchvision."""
    found = sorted(root.glob("cifar10*.npz"))
    return npz_splits(found[0]) if found else torchvision_splits("CIFAR10", root)


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


def zip_folder_splits(path: Path) -> Splits:
    """Read a zip of `train/<class>/*` and `val/<class>/*` images without unpacking it.

    Class numbers follow the sorted folder names, as torchvision's ImageFolder does. A
    `classes.txt` of tab-separated folder and name, one a line, gives the classes their names.
    """
    if not path.is_file():
        raise ImprintError(f"There is no '{path.name}' under '{path.parent}'; put it there or change --data-root.")
    archive = zipfile.ZipFile(path)
    splits = []
    for split in ("train", "val"):
        members = sorted(n for n in archive.namelist() if n.startswith(f"{split}/") and not n.endswith("/"))
        folders = sorted({n.split("/")[1] for n in members})
        number = {name: i for i, name in enumerate(folders)}
        labels = np.array([number[n.split("/")[1]] for n in members], dtype=np.int32)

        def load(i: int, members: list[str] = members) -> Image.Image:
            return Image.open(io.BytesIO(archive.read(members[i]))).convert("RGB")

        splits.append(Images(labels, load))
    names = None
    if "classes.txt" in archive.namelist():
        lines = archive.read("classes.txt").decode().splitlines()
        by_folder = dict(line.split("\t", 1) for line in lines if "\t" in line)
        names = tuple(by_folder.get(f, f).split(",")[0].strip() for f in folders)
    return Splits(splits[0], splits[1], names)
