"""The table of datasets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from imprint_core.background.download import Download
from imprint_core.datasets.image_files import check_images, describe_left_out, splits_of
from imprint_core.datasets.images import Splits
from imprint_core.datasets.names import clean_name
from imprint_core.datasets.readers import (
    COMBI_PARTS,
    TORCHVISION,
    digits_splits,
    file_splits,
    has_torchvision,
    list_images,
    merged_splits,
    npz_only,
    npz_or_torchvision,
    partial_archives,
    svhn_splits,
    torchvision_roots,
    torchvision_splits,
    where_to_put,
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
        Name in commands and links, and on pages.
    help : str
        One sentence for the sidebar.
    read : callable
        Data root → `Splits`.
    class_names : tuple of str
        Names of the classes by number; empty where only the files have them.
    origin : str
        Source and licence of the data.
    present : callable
        Data root → whether its files are there, without opening them.
    download : int
        Megabytes to download where it is missing; 0 where it can't be downloaded.
    path : str
        Path of a dataset outside the data root.
    files : tuple of str
        Files or folders under the data root; of torchvision's datasets those of `TORCHVISION`.
    torchvision : str
        Name of the class in `torchvision.datasets` that downloads it.
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
    files: tuple[str, ...] = ()
    torchvision: str = ""

    def where_to_put(self, root: Path) -> str:
        """Phrase into which folder its files belong, such as "put a and b into '/data'"; empty where it has none."""
        files = TORCHVISION[self.torchvision].needed if self.torchvision else self.files
        return where_to_put(files, root) if files else ""

    def image_download(self, root: Path) -> Download | None:
        """The download of the images into a data root; None where they can't be downloaded."""
        if not self.torchvision:
            return None
        return Download(
            torchvision_roots(root)[0],
            self.torchvision,
            ("--dataset", self.name, "--data-root", str(root)),
            lambda: partial_archives(self.torchvision, root),
            self.download * 1_000_000,
        )


def _has(pattern: str) -> Callable[[Path], bool]:
    """Check that a data root has a file of a pattern."""
    return lambda root: next(root.glob(pattern), None) is not None


def _torchvision(name: str, pattern: str = "") -> Callable[[Path], bool]:
    """Check that a data root has all files of torchvision's dataset, or one of a pattern that replaces them."""
    return lambda root: has_torchvision(name, root) or bool(pattern and _has(pattern)(root))


# Files that an error names, a line each.
_MOST_NAMED = 50

_NUMERALS = tuple("0123456789")

_TABLE = (
    Dataset(
        "mnist",
        "MNIST",
        "Handwritten numerals, 28 × 28 grey.",
        partial(torchvision_splits, "MNIST"),
        _NUMERALS,
        "MNIST (LeCun, Cortes and Burges, 1998), derived from NIST Special Databases 1 and 3; CC BY-SA 3.0.",
        _torchvision("MNIST"),
        12,
        torchvision="MNIST",
    ),
    Dataset(
        "fashion_mnist",
        "Fashion-MNIST",
        "Photographs of clothing, 28 × 28 grey.",
        partial(torchvision_splits, "FashionMNIST"),
        ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        "Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017, Zalando Research); MIT licence.",
        _torchvision("FashionMNIST"),
        31,
        torchvision="FashionMNIST",
    ),
    Dataset(
        "cifar10",
        "CIFAR-10",
        "Small colour photographs, 32 × 32.",
        partial(npz_or_torchvision, "cifar10*.npz", "CIFAR10"),
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        "CIFAR-10 (Krizhevsky, 2009), collected from the web; no licence stated, free for research with citation.",
        _torchvision("CIFAR10", "cifar10*.npz"),
        170,
        torchvision="CIFAR10",
    ),
    Dataset(
        "svhn",
        "SVHN",
        "House numbers in photographs, 32 × 32, one numeral in the centre.",
        svhn_splits,
        _NUMERALS,
        "Street View House Numbers, cropped digits (Netzer et al., 2011); free for non-commercial use.",
        _torchvision("SVHN"),
        246,
        torchvision="SVHN",
    ),
    Dataset(
        "usps",
        "USPS",
        "Handwritten numerals from envelopes, 16 × 16 grey.",
        partial(npz_or_torchvision, "usps*.npz", "USPS"),
        _NUMERALS,
        "USPS (Hull, 1994), as distributed with LIBSVM; no licence stated, free for research with citation.",
        _torchvision("USPS", "usps*.npz"),
        8,
        torchvision="USPS",
    ),
    Dataset(
        "mnist_m",
        "MNIST-M",
        "MNIST's numerals over patches of photographs, 32 × 32.",
        partial(npz_only, "mnist_m*.npz", "MNIST-M"),
        _NUMERALS,
        "MNIST-M (Ganin et al., 2016): MNIST blended with patches of BSDS500; no licence stated.",
        _has("mnist_m*.npz"),
        files=("mnist_m.npz",),
    ),
    Dataset(
        "digits",
        "Digits (scikit-learn)",
        "Handwritten numerals, 8 × 8 grey, part of scikit-learn.",
        digits_splits,
        _NUMERALS,
        "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), test part, UCI Machine "
        "Learning Repository, as shipped with scikit-learn; CC BY 4.0.",
        lambda root: True,
    ),
    Dataset(
        "tiny_imagenet_100",
        "Tiny-ImageNet (100 classes)",
        "100 ImageNet classes at 64 × 64: close to the pre-training data of the FMs.",
        lambda root: file_splits(root / "tiny_imagenet_100.zip"),
        (),
        "100 classes of ImageNet (Deng et al., 2009; Russakovsky et al., 2015) at 64 × 64, as in Tiny-ImageNet "
        "(Stanford CS231n); for non-commercial research and education.",
        lambda root: (root / "tiny_imagenet_100.zip").is_file(),
        files=("tiny_imagenet_100.zip",),
    ),
    Dataset(
        "imagenet",
        "ImageNet",
        "The pre-training data of the FMs, 1,000 classes: a folder imagenet with class folders in train and val.",
        lambda root: _imagenet(root / "imagenet"),
        (),
        "ImageNet, ILSVRC 2012 (Russakovsky et al., 2015); for non-commercial research and education.",
        lambda root: (root / "imagenet" / "train").is_dir(),
        files=("imagenet/train", "imagenet/val"),
    ),
    Dataset(
        "combidigits",
        "CombiDigits",
        "The available ones of MNIST, MNIST-M, SVHN and USPS with merged labels (paper, tasks).",
        lambda root: _combidigits(root),
        _NUMERALS,
        "MNIST, MNIST-M (Ganin et al., 2016), SVHN (Netzer et al., 2011) and USPS (Hull, 1994), as far as available.",
        lambda root: len(_combi_parts(root)) > 1,
    ),
)

DATASETS: dict[str, Dataset] = {d.name: d for d in _TABLE}


def dataset(name: str) -> Dataset:
    """Look up a dataset by name: one of the table, or of the user's own images.

    Raises
    ------
    ImprintError
        If there is no such dataset; the message lists the available ones.
    """
    path = images_folder() / f"{name}.zip"
    if re.fullmatch(r"own_[0-9a-f]{12}", name) and path.is_file():
        from imprint_core.datasets.own_images import read_own_images

        header, _ = read_own_images(path)
        return Dataset(
            name,
            header.label,
            "Your own images.",
            lambda root: read_own_images(path)[1],
            header.class_names,
            "Your own images, stored on this machine.",
            lambda root: path.is_file(),
        )
    return look_up(DATASETS, name, "dataset")


def dataset_at(
    path: Path, left_out: Collection[str] = (), expected: Mapping[str, Mapping[int, bytes]] | None = None
) -> Dataset:
    """Create a dataset from a directory or zip of class folders, or from an `.npz` in Keras' layout.

    Images are opened without being read; `left_out` are display names of files that are no part of it, `expected` the
    contents of images (`splits_of`).

    Raises
    ------
    ImprintError
        If `path` is none of these.
    """
    if not (path.is_dir() or (path.is_file() and path.suffix.lower() in (".zip", ".npz"))):
        raise ImprintError(
            f"'{path}' is neither a known dataset nor an existing directory or zip of class folders or .npz in Keras' "
            f"layout. Give one of these, or one of {', '.join(DATASETS)}."
        )
    path, names = path.resolve(), frozenset(left_out)

    def read(root: Path) -> Splits:
        listing = list_images(path)
        files = [file for file in listing.files if file.display_name not in names]
        return splits_of(replace(listing, files=files), expected)

    return _own_dataset("own", path, read)


def checked_dataset_at(
    path: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    skip_damaged: bool = False,
    strict: bool = False,
) -> Dataset:
    """Create a dataset from a directory, zip or `.npz` of `dataset_at` after every image has been read and decoded.

    It is identified by what it holds: its name is `own_` and 12 digits of a digest of class names, splits and images.

    Raises
    ------
    ImprintError
        If images are damaged and not to be skipped; if any file is left out and `strict` is set; if the classes can't
        be used. Files are named, one per line.
    """
    path = Path(dataset_at(path).path)
    checked = check_images(list_images(path), progress)
    damaged = [file for file in checked.left_out if file.kind == "damaged"]
    if damaged and not skip_damaged:
        raise ImprintError(
            f"{describe_left_out(damaged, 'damaged', _MOST_NAMED)}\n"
            "Repair or remove what is damaged, or add --skip-damaged."
        )
    refused = [file for file in checked.left_out if file.kind != "system"]
    if refused and strict:
        raise ImprintError(
            f"{describe_left_out(refused, most=_MOST_NAMED)}\nRemove what is left out, or omit --strict."
        )
    splits = splits_of(checked)
    return _own_dataset(f"own_{checked.digest[:12]}", path, lambda root: splits)


def _own_dataset(name: str, path: Path, read: Callable[[Path], Splits]) -> Dataset:
    label = clean_name(path.stem if path.is_file() else path.name)
    return Dataset(
        name, label, "Your own dataset.", read, (), f"Read from {path}.", lambda root: path.exists(), path=str(path)
    )


def _combi_parts(root: Path) -> list[Dataset]:
    return [DATASETS[name] for name in COMBI_PARTS if DATASETS[name].present(root)]


def _combidigits(root: Path) -> Splits:
    parts = _combi_parts(root)
    if len(parts) < 2:
        available = f"only {parts[0].label} is" if parts else "none is"
        raise ImprintError(
            f"CombiDigits needs at least two of {', '.join(DATASETS[n].label for n in COMBI_PARTS)} under '{root}', "
            f"but {available} there. Fetch another."
        )
    return merged_splits([(part.name, part.label, part.read) for part in parts], "CombiDigits", root)


def _imagenet(path: Path) -> Splits:
    if not path.is_dir():
        raise ImprintError(
            f"ImageNet can't be downloaded without an account. Put its folders train/<class> and val/<class> into "
            f"'{path}'."
        )
    return file_splits(path)
