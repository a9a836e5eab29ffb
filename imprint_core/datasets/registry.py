"""The table of datasets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imprint_core.datasets.images import Splits
from imprint_core.datasets.readers import (
    COMBI_PARTS,
    digits_splits,
    folder_splits,
    merged_splits,
    npz_only,
    npz_or_torchvision,
    npz_splits,
    places,
    svhn_splits,
    torchvision_splits,
    zip_folder_splits,
)
from imprint_core.errors import ImprintError
from imprint_core.paths import images_folder
from imprint_core.registry import look_up


@dataclass(frozen=True)
class Dataset:
    """A labelled image dataset.

    Attributes
    ----------
    name, label : str
        Its name in commands and links, and as a person calls it.
    help : str
        One sentence for the sidebar.
    read : callable
        Maps the data root to its `Splits`.
    class_names : tuple of str
        Names of the classes in the order of their numbers; empty where only the source
        knows them.
    origin : str
        Where the data comes from and under which licence.
    present : callable
        Whether it is under a data root, at a glance.
    download : int
        How many megabytes are downloaded where it isn't; 0 where it can't be.
    path : str
        Where one that has no place under the data root is read from.
    """

    name: str
    label: str
    help: str
    read: Callable[[Path], Splits]
    class_names: tuple[str, ...]
    origin: str
    present: Callable[[Path], bool]
    download: int = 0
    path: str = ""


def _has(*patterns: str) -> Callable[[Path], bool]:
    """Whether a data root has files of all these patterns."""
    return lambda root: all(any(next(base.glob(p), None) for base in places(root)) for p in patterns)


def _either(*checks: Callable[[Path], bool]) -> Callable[[Path], bool]:
    return lambda root: any(check(root) for check in checks)


_NUMERALS = tuple("0123456789")

_TABLE = (
    Dataset(
        "mnist",
        "MNIST",
        "Handwritten numerals, 28 × 28 grey.",
        partial(torchvision_splits, "MNIST"),
        _NUMERALS,
        "MNIST (LeCun, Cortes and Burges, 1998), derived from NIST Special Databases 1 and 3; CC BY-SA 3.0.",
        _has("MNIST/raw/train-images*"),
        12,
    ),
    Dataset(
        "fashion_mnist",
        "Fashion-MNIST",
        "Photographs of clothes, 28 × 28 grey.",
        partial(torchvision_splits, "FashionMNIST"),
        (
            "T-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        "Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, Zalando Research); MIT licence.",
        _has("FashionMNIST/raw/train-images*"),
        31,
    ),
    Dataset(
        "cifar10",
        "CIFAR-10",
        "Small colour photographs, 32 × 32.",
        partial(npz_or_torchvision, "cifar10*.npz", "CIFAR10"),
        (
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        "CIFAR-10 (Krizhevsky, 2009), collected from the web; no licence stated, free for research with citation.",
        _either(_has("cifar10*.npz"), _has("cifar-10-batches-py/data_batch_1")),
        170,
    ),
    Dataset(
        "svhn",
        "SVHN",
        "House numbers in photographs, 32 × 32, one numeral in the middle.",
        svhn_splits,
        _NUMERALS,
        "Street View House Numbers, cropped digits (Netzer et al., 2011); free for non-commercial use.",
        _has("train_32x32.mat", "test_32x32.mat"),
        246,
    ),
    Dataset(
        "usps",
        "USPS",
        "Handwritten numerals from envelopes, 16 × 16 grey.",
        partial(npz_or_torchvision, "usps*.npz", "USPS"),
        _NUMERALS,
        "USPS (Hull, 1994), as distributed with LIBSVM; no licence stated, free for research with citation.",
        _either(_has("usps*.npz"), _has("usps.bz2", "usps.t.bz2")),
        8,
    ),
    Dataset(
        "mnist_m",
        "MNIST-M",
        "MNIST's numerals over patches of photographs, 32 × 32.",
        partial(npz_only, "mnist_m*.npz", "MNIST-M"),
        _NUMERALS,
        "MNIST-M (Ganin et al., 2016): MNIST blended with patches of BSDS500; no licence stated.",
        _has("mnist_m*.npz"),
    ),
    Dataset(
        "digits",
        "Digits (scikit-learn)",
        "Handwritten numerals, 8 × 8 grey; they come with scikit-learn.",
        digits_splits,
        _NUMERALS,
        "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), test part, UCI Machine "
        "Learning Repository, as shipped with scikit-learn; CC BY 4.0.",
        lambda root: True,
    ),
    Dataset(
        "tiny_imagenet_100",
        "Tiny-ImageNet (100 classes)",
        "A hundred ImageNet classes at 64 × 64: nearly the models' own pre-training data.",
        lambda root: zip_folder_splits(root / "tiny_imagenet_100.zip"),
        (),
        "100 classes of ImageNet (Deng et al., 2009; Russakovsky et al., 2015) at 64 × 64, as in Tiny-ImageNet "
        "(Stanford CS231n); for non-commercial research and education.",
        lambda root: (root / "tiny_imagenet_100.zip").is_file(),
    ),
    Dataset(
        "imagenet",
        "ImageNet",
        "The models' own pre-training data, 1,000 classes: a folder imagenet of train and val, each of class folders.",
        lambda root: _imagenet(root / "imagenet"),
        (),
        "ImageNet, ILSVRC 2012 (Russakovsky et al., 2015); for non-commercial research and education.",
        lambda root: (root / "imagenet" / "train").is_dir(),
    ),
    Dataset(
        "combidigits",
        "CombiDigits",
        "MNIST, MNIST-M, SVHN and USPS as one, with merged labels (paper, tasks); those of the four that are at hand.",
        lambda root: _combidigits(root),
        _NUMERALS,
        "MNIST, MNIST-M (Ganin et al., 2016), SVHN (Netzer et al., 2011) and USPS (Hull, 1994), as far as at hand.",
        lambda root: len(_combi_parts(root)) > 1,
    ),
)

DATASETS: dict[str, Dataset] = {d.name: d for d in _TABLE}


def dataset(name: str) -> Dataset:
    """Look a dataset up by name: one of the table, or of the user's own.

    Raises
    ------
    ImprintError
        If there is no such dataset; the message lists those that are.
    """
    own = images_folder() / f"{name}.zip"
    if re.fullmatch(r"own_[0-9a-f]{12}", name) and own.is_file():
        from imprint_core.datasets.own_images import read_own

        header, _ = read_own(own)
        return Dataset(
            name,
            header.label,
            "Images of your own.",
            lambda root: read_own(own)[1],
            header.class_names,
            "Images of your own, kept on this machine.",
            lambda root: own.is_file(),
        )
    return look_up(DATASETS, name, "dataset")


def dataset_at(path: Path) -> Dataset:
    """The dataset of a directory or zip of class folders, or of an `.npz` in Keras' layout.

    Raises
    ------
    ImprintError
        If there is nothing of the kind at `path`.
    """
    readers = {".zip": zip_folder_splits, ".npz": npz_splits}
    reader = folder_splits if path.is_dir() else readers.get(path.suffix.lower())
    if reader is None or not path.exists():
        raise ImprintError(
            f"'{path}' is neither a dataset that is known ({', '.join(DATASETS)}) nor a directory or zip of class "
            "folders, or an .npz in Keras' layout, that is there."
        )
    path = path.resolve()
    # Ends in a mark of its own, so that it is never taken for one of the table.
    name = re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[:40] + "_at"
    return Dataset(
        name,
        path.stem,
        "A dataset of your own.",
        lambda root: reader(path),
        (),
        f"Read from {path}.",
        lambda root: path.exists(),
        path=str(path),
    )


def _combi_parts(root: Path) -> list[Dataset]:
    return [DATASETS[name] for name in COMBI_PARTS if DATASETS[name].present(root)]


def _combidigits(root: Path) -> Splits:
    parts = _combi_parts(root)
    if len(parts) < 2:
        have = f"only {parts[0].label} is" if parts else "none is"
        raise ImprintError(
            f"CombiDigits needs at least two of {', '.join(DATASETS[n].label for n in COMBI_PARTS)} under '{root}', "
            f"but {have} there; fetch another, or point --data-root to a folder that holds them."
        )
    return merged_splits([(part.name, part.label, part.read) for part in parts], "CombiDigits", root)


def _imagenet(path: Path) -> Splits:
    if not path.is_dir():
        raise ImprintError(
            f"ImageNet can't be downloaded without an account; put its folders train/<class> and val/<class> into "
            f"'{path}', or point --data-root to the folder that holds them."
        )
    return folder_splits(path)
