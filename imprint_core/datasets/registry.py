"""The table of datasets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imprint_core.choices import look_up
from imprint_core.datasets.images import (
    Splits,
    cifar10_splits,
    digits_splits,
    torchvision_splits,
    zip_folder_splits,
)


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
    """

    name: str
    label: str
    help: str
    read: Callable[[Path], Splits]
    class_names: tuple[str, ...]
    origin: str


_NUMERALS = tuple("0123456789")

_TABLE = (
    Dataset(
        "mnist",
        "MNIST",
        "Handwritten numerals, 28 × 28 grey.",
        lambda root: torchvision_splits("MNIST", root),
        _NUMERALS,
        "MNIST (LeCun, Cortes and Burges, 1998), derived from NIST Special Databases 1 and 3; CC BY-SA 3.0.",
    ),
    Dataset(
        "fashion_mnist",
        "Fashion-MNIST",
        "Photographs of clothes, 28 × 28 grey.",
        lambda root: torchvision_splits("FashionMNIST", root),
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
    ),
    Dataset(
        "cifar10",
        "CIFAR-10",
        "Small colour photographs, 32 × 32.",
        cifar10_splits,
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
    ),
    Dataset(
        "digits",
        "Digits (scikit-learn)",
        "Handwritten numerals, 8 × 8 grey; they come with scikit-learn.",
        digits_splits,
        _NUMERALS,
        "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), test part, UCI Machine "
        "Learning Repository, as shipped with scikit-learn; CC BY 4.0.",
    ),
    Dataset(
        "tiny_imagenet_100",
        "Tiny-ImageNet (100 classes)",
        "A hundred ImageNet classes at 64 × 64: nearly the models' own pre-training data.",
        lambda root: zip_folder_splits(root / "tiny_imagenet_100.zip"),
        (),
        "100 classes of ImageNet (Deng et al., 2009; Russakovsky et al., 2015) at 64 × 64, as in Tiny-ImageNet "
        "(Stanford CS231n); for non-commercial research and education.",
    ),
)

DATASETS: dict[str, Dataset] = {d.name: d for d in _TABLE}


def dataset(name: str) -> Dataset:
    """Look a dataset up by name.

    Raises
    ------
    ImprintError
        If no such dataset is registered; the message lists those that are.
    """
    return look_up(DATASETS, name, "dataset")
