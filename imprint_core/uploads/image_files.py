"""Images on their way into a dataset of the user's own: what each is, and how to get its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
"""What splits are called outside, in lower case."""

MOST_SHOWN = 200


class Entry(NamedTuple):
    """An image to be kept.

    Attributes
    ----------
    class_name : str
        Fit to be shown.
    split : {"train", "test"} or None
        None where the upload doesn't say.
    shown_name : str
        What the user calls it; fit to be shown.
    read : callable
        Gives the file's bytes, anew each time; raises `ImprintError` if they can't be had.
    """

    class_name: str
    split: Split | None
    shown_name: str
    read: Callable[[], bytes]


def from_piles(piles: Mapping[str, Sequence[tuple[str, bytes]]]) -> list[Entry]:
    """Entries of image files that were uploaded class by class.

    Parameters
    ----------
    piles : mapping
        Class name → (file name, bytes) of each image.

    Raises
    ------
    ImprintError
        If there are fewer than two classes, two of one name, or one without images.
    """
    # Before the mapping's keys are made one: " cat" and "cat" differ there.
    clean = clean_classes(piles)
    entries = []
    for given, name in clean.items():
        if not piles[given]:
            raise ImprintError(f"Class '{name}' has no images; add some or remove the class.")
        for file_name, data in sorted(piles[given], key=lambda f: f[0]):
            entries.append(Entry(name, None, clean_name(f"{name}/{file_name}", MOST_SHOWN), _giving(data)))
    return entries


def _giving(data: bytes) -> Callable[[], bytes]:
    return lambda: data
