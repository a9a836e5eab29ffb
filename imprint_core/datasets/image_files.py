"""Images of an upload: class, split and how to read the bytes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

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


class ImageFile(NamedTuple):
    """An image of an upload, not yet read; its class and file name are safe to display.

    The split is None if the upload has no splits. `read` returns the file's bytes, at every call; it raises an
    `ImprintError` if they cannot be read.
    """

    class_name: str
    split: Split | None
    display_name: str
    read: Callable[[], bytes]


def images_by_class(files: Mapping[str, Sequence[tuple[str, bytes]]]) -> list[ImageFile]:
    """List the image files, by class (file name, bytes), that were uploaded separately for each class.

    Raises an `ImprintError` if there are fewer than two classes, duplicate class names, or a class without images.
    """
    images = []
    for name, clean in clean_classes(files).items():
        if not files[name]:
            raise ImprintError(f"Class '{clean}' has no images; add some or remove the class.")
        for file_name, data in sorted(files[name], key=lambda file: file[0]):
            display_name = clean_name(f"{clean}/{file_name}", MOST_PATH)
            images.append(ImageFile(clean, None, display_name, partial(bytes, data)))
    return images
