"""Selection of k by cross-validation on the shots, without test samples.

The table `RULES` holds the rules that select one k from the scores of validation folds; `docs/suggested_k.md` shows how
often each is near the best k of the bundled tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import Split, shot_order
from imprint_core.framework.normalization import Array
from imprint_core.framework.recipe import Recipe
from imprint_core.registry import Entry

Scores = NDArray[np.float64]
# Up to `_FEW_SHOTS` there are more folds, so that training sets stay close to all shots.
_FEW_SHOTS, _FOLDS, _FOLDS_OF_FEW_SHOTS = 20, 5, 10
# Cross-validation of few shots depends on the split, so it is repeated until about `_VALIDATED` samples per class are
# validated.
_MAX_REPEATS, _VALIDATED = 5, 200


@dataclass(frozen=True)
class Fold:
    """One split of the shots: rows of training and of validation samples, and the seed of GEN."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    seed: int


@dataclass(frozen=True)
class Rule(Entry):
    """An entry of the table of rules.

    Attributes
    ----------
    choose : callable
        Maps the accuracy (folds, len(ks)) on the validation folds to the index of the suggested k.
    """

    choose: Callable[[Scores], int]


def _best(scores: Scores) -> int:
    return int(np.argmax(scores.mean(axis=0)))


def _best_smoothed(scores: Scores) -> int:
    mean = scores.mean(axis=0)
    padded = np.concatenate([mean[:1], mean, mean[-1:]])
    return int(np.argmax((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4))


def _one_standard_error(scores: Scores) -> int:
    mean = scores.mean(axis=0)
    best = int(np.argmax(mean))
    # Only the folds of one repeat count: further repeats validate the same shots.
    count = min(len(scores), _FOLDS)
    error = scores[:, best].std(ddof=1) / np.sqrt(count) if len(scores) > 1 else 0.0
    return int(np.flatnonzero(mean >= mean[best] - error)[0])


RULES: dict[str, Rule] = {
    "smoothed": Rule(
        "cross-validation, smoothed",
        "The k with the highest mean accuracy on validation folds, averaged with its neighbours (weights 1, 2, 1).",
        _best_smoothed,
    ),
    "peak": Rule("cross-validation, best", "The k with the highest mean accuracy on validation folds.", _best),
    "one_se": Rule(
        "one standard error",
        "The smallest k within one standard error of the best (Breiman et al., 1984, *Classification and Regression "
        "Trees*).",
        _one_standard_error,
    ),
}
DEFAULT_RULE = "smoothed"


def validation_folds(y: NDArray[np.integer], seed: int) -> list[Fold]:
    """Split shots of classes y (n,) into stratified validation folds, repeatedly for few shots.

    A class's only shot is always a training sample. There are no folds if no class has two shots.
    """
    order = [shots for shots in shot_order(y, seed) if len(shots) > 1]
    if not order:
        return []
    folds, repeats = fold_plan(max(map(len, order)))
    splits = []
    for repeat in range(repeats):
        fold = np.full(len(y), -1)
        for shots in order:
            fold[np.random.default_rng((seed, repeat, int(y[shots[0]]))).permutation(shots)] = (
                np.arange(len(shots)) % folds
            )
        splits += [Fold(np.flatnonzero(fold != f), np.flatnonzero(fold == f), seed + repeat) for f in range(folds)]
    return splits


def fold_plan(largest_class: int) -> tuple[int, int]:
    """Return the number of folds and of repeats if the largest class has this many shots; (0, 0) for one shot."""
    if largest_class < 2:
        return 0, 0
    folds = min(largest_class, _FOLDS_OF_FEW_SHOTS) if largest_class <= _FEW_SHOTS else _FOLDS
    return folds, max(1, min(_MAX_REPEATS, _VALIDATED // largest_class))


def fold_accuracy(
    X: Array, y: NDArray[np.integer], recipe: Recipe, ks: Sequence[int], fold: Fold
) -> NDArray[np.float64]:
    """Compute the accuracy (len(ks),) on a fold of shots, given as for `suggest_k`, at each k, in percent."""
    none = np.zeros(0, dtype=np.int32)
    classes = y.astype(np.int32)
    train, validation = fold.train, fold.validation
    split = Split(X[train], classes[train], none, X[validation], classes[validation], none, none, none, ())
    return Evaluator(split, recipe.space).accuracy_over_k(recipe, ks, None, [fold.seed])[:, 0]


def choose_k(ks: Sequence[int], scores: Sequence[Scores], rule: str = DEFAULT_RULE) -> int:
    """Choose one of the ascending ks from the `fold_accuracy` of each fold; the smallest if there are no folds."""
    return int(ks[RULES[rule].choose(np.stack(scores))] if len(scores) else ks[0])


def suggest_k(
    X: Array, y: NDArray[np.integer], recipe: Recipe, ks: Sequence[int], seed: int = 0, rule: str = DEFAULT_RULE
) -> int:
    """Suggest a k for a recipe by cross-validation on its shots.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Shots before any transform or NORM.
    y : ndarray of shape (n,)
        Classes.
    recipe : Recipe
        Its k is ignored.
    ks : sequence of int
        Candidates, ascending.
    seed : int
    rule : str
        Key of `RULES`.

    Returns
    -------
    int
        One of `ks`; the smallest if no class has two shots.

    Raises
    ------
    ImprintError
        If `ks` is empty.
    """
    if not len(ks):
        raise ImprintError("There is no k to choose from. Give at least one.")
    return choose_k(ks, [fold_accuracy(X, y, recipe, ks, fold) for fold in validation_folds(y, seed)], rule)
