"""Task: which FM, data, classes and shots. The other half of everything on screen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings import EmbeddingSet
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes

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
        Class numbers: the dataset's, or those of a remapping.
    id_train, id_test : ndarray of shape (n,) and (m,), int32
        Index of each sample in the dataset's own split.
    origin_train, origin_test : ndarray of shape (n,) and (m,), int32
        The dataset's own class numbers.
    names : tuple of str
        Class names, by number in y.
    """

    X_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    id_train: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]
    id_test: NDArray[np.int32]
    origin_train: NDArray[np.int32]
    origin_test: NDArray[np.int32]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """The data side: FM, dataset, classes, shots a class, seed of their draw.

    Parameters
    ----------
    fm, dataset : str
        Names of an embedding set's FM and dataset.
    classes : str
        Spec of `parse_classes`; what it means is known once the embeddings are.
    n_shot : int or None
        Shots a class, of a merged one as of any other; a class with fewer gives all it has. None for all.
    seed : int
        Seed of the draw of shots.
    """

    fm: str
    dataset: str
    classes: str = "all"
    n_shot: int | None = None
    seed: int = SEEDS[0]

    def __post_init__(self) -> None:
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
        return replace(
            pool,
            X_train=pool.X_train[shots],
            y_train=pool.y_train[shots],
            id_train=pool.id_train[shots],
            origin_train=pool.origin_train[shots],
        )


def class_names(embeddings: EmbeddingSet) -> tuple[str, ...]:
    """Class names by number; the numbers themselves where the set has no names."""
    named = embeddings.info.class_names
    if named:
        return named
    labels = np.concatenate([embeddings.y_train, embeddings.y_test])
    return tuple(map(str, range(int(labels.max(initial=-1)) + 1)))


def choose_classes(embeddings: EmbeddingSet, classes: str = "all") -> Split:
    """All training and test samples of the chosen classes.

    Parameters
    ----------
    embeddings : EmbeddingSet
    classes : str
        Spec of `parse_classes`.

    Raises
    ------
    ImprintError
        If the spec can't be read, or one of its classes has no training or no test sample.
    """
    grouping = parse_classes(classes, class_names(embeddings))
    number_of = grouping.number_of
    chosen = np.array(sorted(number_of))
    renumbered = np.array([number_of[c] for c in chosen.tolist()], dtype=np.int32)
    for part, y in (("training", embeddings.y_train), ("test", embeddings.y_test)):
        absent = np.setdiff1d(chosen, y)
        if len(absent):
            raise ImprintError(
                f"{embeddings.info.path.stem} has no {part} sample of class "
                f"{', '.join(map(str, absent))}; choose other classes."
            )
    train = np.flatnonzero(np.isin(embeddings.y_train, chosen))
    test = np.flatnonzero(np.isin(embeddings.y_test, chosen))
    origin_train, origin_test = embeddings.y_train[train], embeddings.y_test[test]
    return Split(
        X_train=embeddings.X_train[train],
        y_train=renumbered[np.searchsorted(chosen, origin_train)],
        id_train=embeddings.id_train[train],
        X_test=embeddings.X_test[test],
        y_test=renumbered[np.searchsorted(chosen, origin_test)],
        id_test=embeddings.id_test[test],
        origin_train=origin_train,
        origin_test=origin_test,
        names=grouping.names,
    )
