"""Task: which FM, data, classes and shots. The other half of everything on screen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.choices import look_up
from imprint_core.embeddings import EmbeddingSet
from imprint_core.errors import ImprintError


@dataclass(frozen=True)
class ClassSet:
    """An entry of the table: a choice of classes.

    Attributes
    ----------
    label, help : str
        For the sidebar and the documentation.
    choose : callable
        Maps the number of classes to the chosen ones.
    """

    label: str
    help: str
    choose: Callable[[int], Sequence[int]]


CLASS_SETS: dict[str, ClassSet] = {
    "all": ClassSet("all", "Every class of the dataset.", range),
    "even": ClassSet("even", "Classes 0, 2, 4, … (paper, tasks).", lambda c: range(0, c, 2)),
    "odd": ClassSet("odd", "Classes 1, 3, 5, … (paper, tasks).", lambda c: range(1, c, 2)),
    "short": ClassSet("first three", "Classes 0, 1 and 2 (paper, tasks).", lambda c: range(min(3, c))),
    "ten": ClassSet("first ten", "Classes 0 to 9.", lambda c: range(min(10, c))),
}

# The paper's seeds: §5.1 first, then the few-shot ones of §5.2 (facts §1).
SEEDS = (17121997, 123987, 12412312, 14057, 994348, 23092007, 123456, 98765)


def shot_order(y: NDArray[np.integer], seed: int) -> list[NDArray[np.intp]]:
    """In which order each class's samples become shots.

    The n-shot set is the first n of each class, so it lies inside the (n+1)-shot set of the
    same seed, and a class's order doesn't depend on which other classes take part.

    Parameters
    ----------
    y : ndarray of shape (N,)
        Class numbers.
    seed : int

    Returns
    -------
    list of ndarray
        For each class, ascending: indices into `y`.
    """
    orders = []
    for c in np.unique(y):
        rng = np.random.default_rng((seed, int(c)))
        orders.append(rng.permutation(np.flatnonzero(y == c)))
    return orders


@dataclass(frozen=True)
class Split:
    """What a task yields.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n, d) and (m, d), float32
    y_train, y_test : ndarray of shape (n,) and (m,), int32
        Class numbers of the dataset.
    id_train, id_test : ndarray of shape (n,) and (m,), int32
        Index of each sample in the dataset's own split.
    """

    X_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    id_train: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    id_test: NDArray[np.int32]


@dataclass(frozen=True)
class Task:
    """The data side: FM, dataset, classes, shots a class, seed of their draw.

    Parameters
    ----------
    fm, dataset : str
        Names of an embedding set's FM and dataset.
    classes : str
        Key of `CLASS_SETS`.
    n_shot : int or None
        Shots a class; a class with fewer gives all it has. None for all.
    seed : int
        Seed of the draw of shots.
    """

    fm: str
    dataset: str
    classes: str = "all"
    n_shot: int | None = None
    seed: int = SEEDS[0]

    def __post_init__(self) -> None:
        look_up(CLASS_SETS, self.classes, "class set")
        if self.n_shot is not None and self.n_shot < 1:
            raise ImprintError(f"n-shot is {self.n_shot}; it must be 1 or more.")

    @property
    def digest(self) -> str:
        """Equal for equal tasks."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def split(self, embeddings: EmbeddingSet) -> Split:
        """Take the shots and test samples out of `embeddings`."""
        pool = choose_classes(embeddings, self.classes)
        order = shot_order(pool.y_train, self.seed)
        shots = np.concatenate([o[: self.n_shot] for o in order])
        return Split(
            pool.X_train[shots],
            pool.y_train[shots],
            pool.id_train[shots],
            pool.X_test,
            pool.y_test,
            pool.id_test,
        )


def choose_classes(embeddings: EmbeddingSet, classes: str = "all") -> Split:
    """All training and test samples of the chosen classes.

    Raises
    ------
    ImprintError
        If no class is left, or one has no training or no test sample.
    """
    count = len(embeddings.info.class_names)
    chosen = np.array(look_up(CLASS_SETS, classes, "class set").choose(count), dtype=int)
    for part, y in (("training", embeddings.y_train), ("test", embeddings.y_test)):
        absent = np.setdiff1d(chosen, y)
        if len(absent) or not len(chosen):
            raise ImprintError(
                f"{embeddings.info.path.stem} has no {part} sample of class "
                f"{', '.join(map(str, absent)) or classes}; choose other classes."
            )
    train = np.flatnonzero(np.isin(embeddings.y_train, chosen))
    test = np.flatnonzero(np.isin(embeddings.y_test, chosen))
    return Split(
        embeddings.X_train[train],
        embeddings.y_train[train],
        embeddings.id_train[train],
        embeddings.X_test[test],
        embeddings.y_test[test],
        embeddings.id_test[test],
    )
