"""Image files of a folder, zip or array: their classes and splits, what was left out and why, and their check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode, has_image_name, is_image
from imprint_core.datasets.images import Images, LeftOut, Splits, hold_out
from imprint_core.datasets.labels import check_splits
from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.errors import ImprintError

Split = Literal["train", "test"]

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}
"""Accepted names of the splits, in lower case."""

MOST_PATH = 200
"""Characters of a file's path that messages display."""


_MOST_LINES = 20
_MOST_LEFT_OUT = 5_000


class ImageFile(NamedTuple):
    """An image file, not yet read; its class and name are safe to display.

    The split is None if the source has no splits. `read` returns the file's bytes, at every call and from any thread;
    it raises an `ImprintError` if they cannot be read. `load` returns the image where the source has pixels.
    """

    class_name: str
    split: Split | None
    display_name: str
    read: Callable[[], bytes]
    load: Callable[[], Image.Image] | None = None


@dataclass(frozen=True)
class ImageListing:
    """The image files of a source, none of them read: all with a split or none; class names are by class number."""

    files: Sequence[ImageFile]
    class_names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class CheckedImages:
    """Image files that can be decoded, with their class numbers (n,) and the mask (n,) of test images.

    `contents` (n, 16) are digests of the files' bytes. `digest`, 64 hexadecimal digits, identifies the dataset: it is
    computed from class names, splits and contents, not from names of files. `held_out` as in `Splits`.
    """

    files: Sequence[ImageFile]
    class_names: tuple[str, ...]
    labels: NDArray[np.int32]
    test: NDArray[np.bool_]
    contents: NDArray[np.uint8]
    left_out: tuple[LeftOut, ...]
    digest: str
    held_out: bool


def images_by_class(files: Mapping[str, Sequence[tuple[str, Callable[[], bytes]]]]) -> ImageListing:
    """List the image files, by class (file name, function that reads it), that were given separately for each class.

    Raises an `ImprintError` if there are fewer than two classes, duplicate class names, or a class without images.
    """
    images = []
    classes = clean_classes(files)
    for name, clean in classes.items():
        if not files[name]:
            raise ImprintError(f"Class '{clean}' has no images; add some or remove the class.")
        for file_name, read in sorted(files[name], key=lambda file: file[0]):
            images.append(ImageFile(clean, None, clean_name(f"{clean}/{file_name}", MOST_PATH), read))
    return ImageListing(images, tuple(classes.values()))


def check_images(
    listing: ImageListing, progress: Callable[[int, int], None] = lambda done, total: None
) -> CheckedImages:
    """Read and decode every image of a listing, one at a time; those that fail are left out.

    Without splits a quarter of each class is the test split. `progress` is called with the number of images done and
    their total. Raises an `ImprintError` if a class has too few usable images.
    """
    usable: list[ImageFile] = []
    unusable: list[LeftOut] = []
    contents: list[bytes] = []
    for done, file in enumerate(listing.files):
        progress(done, len(listing.files))
        checked = _check(file)
        if isinstance(checked, LeftOut):
            unusable.append(checked)
        else:
            usable.append(file)
            contents.append(checked)
    first = f"'{unusable[0].display_name}': {unusable[0].reason}" if unusable else ""
    if unusable and not usable:
        raise ImprintError(f"None of the files can be used; the first, {first}")
    labels, given = _labels(usable, listing.class_names), _test_mask(usable)
    try:
        test = check_splits(labels, given, listing.class_names, "image")
    except ImprintError as error:
        if not unusable:
            raise
        raise ImprintError(f"{error} Left out: {first}") from error
    header = json.dumps([listing.class_names, labels[~test].tolist(), labels[test].tolist()], ensure_ascii=False)
    ordered = [contents[i] for i in np.argsort(test, kind="stable")]
    return CheckedImages(
        usable,
        listing.class_names,
        labels,
        test,
        np.frombuffer(b"".join(contents), np.uint8).reshape(-1, 16),
        sorted_left_out([*listing.left_out, *unusable]),
        hashlib.sha256(header.encode() + b"".join(ordered)).hexdigest(),
        given is None,
    )


def sorted_left_out(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Sort files by kind, damaged ones first, and name; of very many, the last are only counted."""
    order = ("damaged", "other", "system")
    files = sorted(left_out, key=lambda file: (order.index(file.kind), file.display_name))
    more = len(files) - _MOST_LEFT_OUT
    summary = [LeftOut("…", f"{more:,} more files.")] if more > 0 else []
    return (*files[:_MOST_LEFT_OUT], *summary)


def _check(file: ImageFile) -> bytes | LeftOut:
    """Digest (16 bytes) of an image's file, or why it can't be used."""
    data = b""
    try:
        data = file.read()
        decode(data)
    except ImprintError as error:
        # A file with another name and no image in it is a stray one.
        kind = "damaged" if has_image_name(file.display_name) or is_image(data) else "other"
        return LeftOut(file.display_name, str(error), kind)
    return _content(data)


def describe_left_out(left_out: Sequence[LeftOut], status: str = "left out", most: int | None = None) -> str:
    """Describe files, a line each, after a line with their number and what they are; `most` limits the lines."""
    lines = [f"{name}: {reason}" for name, reason, _ in left_out[:most]]
    more = [f"and {len(left_out) - len(lines):,} more"] if len(left_out) > len(lines) else []
    return "\n".join([f"{len(left_out):,} {'file is' if len(left_out) == 1 else 'files are'} {status}:", *lines, *more])


def describe_splits(splits: Splits) -> str:
    """Describe what was taken and what was left out, for a terminal."""
    names = splits.class_names or ()
    train, test = (np.bincount(images.labels, minlength=len(names)) for images in (splits.train, splits.test))
    lines = [f"{train.sum():,} training and {test.sum():,} test images of {len(names):,} classes:"]
    counts = zip(names, train, test, strict=True)
    lines += [f"{name}: {n:,} + {m:,}" for name, n, m in islice(counts, _MOST_LINES)]
    if len(names) > _MOST_LINES:
        lines.append(f"and {len(names) - _MOST_LINES:,} more classes")
    return "\n".join([*lines, *([describe_left_out(splits.left_out, most=_MOST_LINES)] if splits.left_out else [])])


def splits_of(
    images: ImageListing | CheckedImages, expected: Mapping[str, Mapping[int, bytes]] | None = None
) -> Splits:
    """Open images as a training and a test split, none of them read; sample ids count within a split.

    When an image is loaded, it raises an `ImprintError` with its file's name if it is damaged or another than expected:
    `expected` has the digests of contents (16 bytes) by split and sample id, for those that are known.
    """
    labels, given = _labels(images.files, images.class_names), _test_mask(images.files)
    test = hold_out(labels) if given is None else given
    contents = images.contents if isinstance(images, CheckedImages) else None

    def split(name: str, rows: NDArray[np.intp]) -> Images:
        files, digests = [images.files[i] for i in rows], (expected or {}).get(name, {})
        return Images(
            labels[rows],
            lambda i: _load(files[i], digests.get(i)),
            contents=None if contents is None else contents[rows],
        )

    train, tested = split("train", np.flatnonzero(~test)), split("test", np.flatnonzero(test))
    return Splits(train, tested, images.class_names, left_out=images.left_out, held_out=given is None)


def _load(file: ImageFile, expected: bytes | None) -> Image.Image:
    if file.load is not None and expected is None:
        return file.load()
    try:
        data = file.read()
        if expected is not None and _content(data) != expected:
            raise ImprintError("The image has changed since it was embedded. Embed the dataset again.")
        return decode(data)
    except ImprintError as error:
        raise ImprintError(f"'{file.display_name}': {error}") from error


def _content(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _labels(files: Sequence[ImageFile], class_names: tuple[str, ...]) -> NDArray[np.int32]:
    number = {name: c for c, name in enumerate(class_names)}
    return np.array([number[file.class_name] for file in files], np.int32)


def _test_mask(files: Sequence[ImageFile]) -> NDArray[np.bool_] | None:
    return np.array([file.split == "test" for file in files]) if any(file.split for file in files) else None
