"""The samples of a task: draws of shots, and the samples of chosen classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings import EmbeddingSet
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes

# The paper's seeds: those of §5.1, then those of the few-shot experiments (§5.2).
SEEDS = (17121997, 123987, 12412312, 14057, 994348, 23092007, 123456, 98765)


def shot_order(y: NDArray[np.integer], seed: int) -> list[NDArray[np.intp]]:
    """Draw the order in which each class's samples become shots.

    For each class, ascending, these are indices into the class numbers y (N,). The n-shot set is the first n of each
    class, so it is a subset of the (n+1)-shot set of the same seed, and a class's order does not depend on which other
    classes are chosen.
    """
    return [np.random.default_rng((seed, int(c))).permutation(np.flatnonzero(y == c)) for c in np.unique(y)]


@dataclass(frozen=True)
class Split:
    """Training and test samples.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n, d) and (m, d), float32
    y_train, y_test : ndarray of shape (n,) and (m,), int32
        Class numbers: the dataset's, or those of merged classes.
    id_train, id_test : ndarray of shape (n,) and (m,), int32
        Index of each sample in the dataset's split.
    origin_train, origin_test : ndarray of shape (n,) and (m,), int32
        The dataset's class numbers.
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


def class_names(embeddings: EmbeddingSet) -> tuple[str, ...]:
    """Return class names by number; the numbers as text if the set has no names."""
    names = embeddings.info.class_names
    if names:
        return names
    labels = np.concatenate([embeddings.y_train, embeddings.y_test])
    return tuple(map(str, range(int(labels.max(initial=-1)) + 1)))


def _rows_of(y: NDArray[np.int32], classes: NDArray[np.integer]) -> NDArray[np.intp] | slice:
    """Rows of samples of some classes; a slice if they are all, so that their embeddings are not copied."""
    chosen = np.isin(y, classes)
    return slice(None) if chosen.all() else np.flatnonzero(chosen)


def choose_classes(embeddings: EmbeddingSet, classes: str = "all") -> Split:
    """Return all training and test samples of the classes of a spec (`parse_classes`).

    A class may have no test sample, as one that was added from a few images: it competes with the others.

    Raises
    ------
    ImprintError
        If the spec is invalid, one of its classes has no training sample, or none has a test sample.
    """
    grouping = parse_classes(classes, class_names(embeddings))
    number_of = grouping.number_of
    chosen = np.array(sorted(number_of))
    renumbered = np.array([number_of[c] for c in chosen.tolist()], dtype=np.int32)
    for part, missing in (
        ("training", np.setdiff1d(chosen, embeddings.y_train)),
        ("test", () if np.isin(chosen, embeddings.y_test).any() else chosen),
    ):
        if len(missing):
            raise ImprintError(
                f"{embeddings.info.path.stem} has no {part} samples of class "
                f"{', '.join(map(str, missing))}. Choose other classes."
            )
    train, test = (_rows_of(y, chosen) for y in (embeddings.y_train, embeddings.y_test))
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
