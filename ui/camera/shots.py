"""Shots that a visitor records: classes, images and embeddings, in the memory of the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.errors import ImprintError

MOST_CLASSES, MOST_SHOTS, MOST_IN_CLASS = 20, 1000, 200
"""What one visitor can record: classes, shots of all classes together, and shots per class."""


@dataclass(frozen=True)
class Shot:
    """A recorded image: its number, JPEG file, small JPEG as a data URI, and the embedding."""

    number: int
    image: bytes
    thumbnail: str
    x: NDArray[np.float32]


@dataclass
class ShotClass:
    """A class of shots; its number stays when others are removed, and gives its colour."""

    number: int
    name: str
    shots: list[Shot] = field(default_factory=list)


class ShotList:
    """Classes of a visitor, at first empty ones; `version` changes with every change."""

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.classes: list[ShotClass] = []
        self.version = 0
        self._numbers = count(1)
        for name in classes:
            self.add_class(name)

    def add_class(self, name: str = "") -> None:
        """Add an empty class; without a name it gets a free number."""
        if len(self.classes) >= MOST_CLASSES:
            raise ImprintError(f"{MOST_CLASSES} classes are the most. Remove one first.")
        names = {c.name for c in self.classes}
        free = next(f"Class {i}" for i in count(len(self.classes) + 1) if f"Class {i}" not in names)
        number = next(n for n in range(MOST_CLASSES) if n not in {c.number for c in self.classes})
        self.classes.append(ShotClass(number, clean_name(name or free, 40)))
        self.version += 1

    def replace_classes(self, names: Sequence[str], shots: Sequence[tuple[int, str, NDArray[np.float32]]]) -> None:
        """Replace all classes by new ones with shots: class, thumbnail and embedding, without images."""
        self.classes = [ShotClass(number, clean_name(name, 40)) for number, name in enumerate(names)]
        for number, thumbnail, x in shots:
            self.record(number, b"", thumbnail, x)
        self.version += 1

    def rename(self, number: int, name: str) -> None:
        """Rename a class; an empty name, or that of another class, is refused with an `ImprintError`."""
        if not name.strip():
            raise ImprintError("A class needs a name. The previous one is kept.")
        name = clean_name(name, 40)
        for other in self.classes:
            if other.name.casefold() == name.casefold() and other.number != number:
                raise ImprintError(f"Another class is called '{other.name}'. Choose a different name.")
        self._class(number).name = name
        self.version += 1

    def remove_class(self, number: int) -> None:
        """Remove a class and its shots."""
        self.classes.remove(self._class(number))
        self.version += 1

    def remove_shot(self, number: int, shot: int) -> None:
        """Remove one shot of a class."""
        shot_class = self._class(number)
        shot_class.shots = [other for other in shot_class.shots if other.number != shot]
        self.version += 1

    def record(self, number: int, image: bytes, thumbnail: str, x: NDArray[np.float32]) -> None:
        """Add a shot to a class."""
        shot_class = self._class(number)
        if len(shot_class.shots) >= MOST_IN_CLASS:
            raise ImprintError(
                f"{MOST_IN_CLASS} shots per class are the most. Remove some of '{shot_class.name}' first."
            )
        if sum(len(c.shots) for c in self.classes) >= MOST_SHOTS:
            raise ImprintError(f"{MOST_SHOTS:,} shots are the most. Remove some first.")
        shot_class.shots.append(Shot(next(self._numbers), image, thumbnail, x))
        self.version += 1

    def replace_embeddings(self, X: NDArray[np.float32]) -> None:
        """Replace the embeddings of all shots, in the order of `shots`."""
        rows = iter(X)
        for shot_class in self.classes:
            shot_class.shots = [Shot(s.number, s.image, s.thumbnail, next(rows)) for s in shot_class.shots]
        self.version += 1

    @property
    def shots(self) -> Sequence[tuple[int, Shot]]:
        """All shots with the numbers of their classes."""
        return [(c.number, shot) for c in self.classes for shot in c.shots]

    def name_of(self, number: int) -> str:
        """Name of a class."""
        return self._class(number).name

    def _class(self, number: int) -> ShotClass:
        for shot_class in self.classes:
            if shot_class.number == number:
                return shot_class
        raise ImprintError("This class was removed. Choose another one.")
