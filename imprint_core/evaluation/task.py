"""The samples of a task: draws of shots, and the samples of chosen classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.background.threads import lazy_property
from imprint_core.embeddings import EmbeddingSet
from imprint_core.errors import ImprintError
from imprint_core.evaluation.class_specs import parse_classes

# The paper's seeds: those of §5.1, then those of the few-shot experiments (§5.2).
SEEDS = (17121997, 123987, 12412312, 14057, 994348, 23092007, 123456, 98765)

# Folds of cross-validation: as many as leave three quarters for shots, as a held-out test split does.
FOLDS = 4

FEW_TEST_SAMPLES = 100
"""With fewer test samples, one of them changes the accuracy by more than a point."""


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
    resplit : bool
        Whether this is one of many possible splits of so few samples that recipes are evaluated by cross-validation.
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
    resplit: bool = False

    @lazy_property
    def evaluated(self) -> Split:
        """The samples that shots and test samples of an evaluation are drawn from, with their codes as ids.

        With `resplit` training and test samples are both all samples, but a class's only sample is never tested.
        """
        if not self.resplit:
            return replace(self, id_train=sample_code(self.id_train, True))
        X, y, origin = (
            np.concatenate([getattr(self, f"{part}_test"), getattr(self, f"{part}_train")])
            for part in ("X", "y", "origin")
        )
        codes = np.concatenate([self.id_test, sample_code(self.id_train, True)])
        tested = _tested_rows(y)
        return Split(X, y, codes, X[tested], y[tested], codes[tested], origin, origin[tested], self.names)


class FoldRows(NamedTuple):
    """Rows of `Split.evaluated`: the shots of each class in the order of a draw, and the test samples."""

    shots: list[NDArray[np.intp]]
    test: NDArray[np.intp]


def folds(pool: Split, seed: int) -> list[FoldRows]:
    """Draw shots and test samples: one fold, or with `resplit` several, in which each sample is tested once.

    Folds are stratified by class, and each class's samples are in another order for each seed (`shot_order`).
    """
    y = pool.evaluated.y_train
    order = shot_order(y, seed)
    if not pool.resplit:
        return [FoldRows(order, np.arange(len(pool.y_test)))]
    # A class's only sample is in no fold, so it is a shot in all of them.
    fold_of = np.full(len(y), -1)
    for rows in order:
        if len(rows) > 1:
            fold_of[rows] = np.arange(len(rows)) % FOLDS
    tested = fold_of[_tested_rows(y)]
    return [
        FoldRows([rows[fold_of[rows] != fold] for rows in order], np.flatnonzero(tested == fold))
        for fold in np.unique(tested)
    ]


def _tested_rows(y: NDArray[np.int32]) -> NDArray[np.intp]:
    """Rows of samples whose class has others."""
    return np.flatnonzero(np.bincount(y)[y] > 1)


def sample_code(ids: NDArray[np.integer], training: bool) -> NDArray[np.int32]:
    """Codes of samples: the id of a test sample, −1 − id of a training sample."""
    return np.asarray(-1 - ids if training else ids, dtype=np.int32)


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
        resplit=embeddings.info.held_out and len(origin_test) < FEW_TEST_SAMPLES,
    )
