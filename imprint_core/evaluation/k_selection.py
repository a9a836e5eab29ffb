"""Which k the shots themselves suggest, without a look at any test sample.

Shots are left out fold by fold and classified by proxies of the others, at every k. The rules that turn those scores
into one k stand in a table; `docs/suggested_k.md` shows how often each is near the best k of the bundled tasks.
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

Scores = NDArray[np.float64]
# Few shots are parted into more folds, so that what is left is nearly all of them, and more often, for each parting
# of few shots is a gamble.
_FEW, _FOLDS, _FOLDS_OF_FEW = 20, 5, 10
_REPEATS, _ENOUGH = 5, 200


@dataclass(frozen=True)
class Fold:
    """Some shots left out, and those that stay.

    Attributes
    ----------
    stay, out : ndarray of int
        Rows of the shots.
    seed : int
        Of GEN, where it draws random numbers.
    """

    stay: NDArray[np.intp]
    out: NDArray[np.intp]
    seed: int


@dataclass(frozen=True)
class Rule:
    """An entry of the table of rules.

    Attributes
    ----------
    label, help : str
        For pages and the documentation.
    choose : callable
        Maps the accuracy (f, len(ks)) of the left-out shots in each fold to the place of the suggested k.
    """

    label: str
    help: str
    choose: Callable[[Scores], int]


def _peak(scores: Scores) -> int:
    return int(np.argmax(scores.mean(axis=0)))


def _smoothed(scores: Scores) -> int:
    mean = scores.mean(axis=0)
    padded = np.concatenate([mean[:1], mean, mean[-1:]])
    return int(np.argmax((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4))


def _one_standard_error(scores: Scores) -> int:
    mean = scores.mean(axis=0)
    best = int(np.argmax(mean))
    # Folds of one parting are counted; those of the next one see the same shots again.
    count = min(len(scores), _FOLDS)
    error = scores[:, best].std(ddof=1) / np.sqrt(count) if len(scores) > 1 else 0.0
    return int(np.flatnonzero(mean >= mean[best] - error)[0])


RULES: dict[str, Rule] = {
    "smoothed": Rule(
        "cross-validation, smoothed",
        "The k whose left-out shots are told best, its neighbours on the curve counted half.",
        _smoothed,
    ),
    "peak": Rule("cross-validation, best", "The k whose left-out shots are told best.", _peak),
    "one_se": Rule(
        "one standard error",
        "The smallest k within one standard error of the best (Breiman et al., 1984, *Classification and Regression "
        "Trees*).",
        _one_standard_error,
    ),
}
RULE = "smoothed"


def partings(y: NDArray[np.integer], seed: int) -> list[Fold]:
    """How shots are left out: each once in a parting, in equal parts of every class.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Classes of the shots.
    seed : int
        Of the draws, and of GEN.

    Returns
    -------
    list of Fold
        Empty where no class has two shots: a class's only shot always stays.
    """
    order = [shots for shots in shot_order(y, seed) if len(shots) > 1]
    if not order:
        return []
    most = max(map(len, order))
    folds, repeats = parting_plan(most)
    parted = []
    for repeat in range(repeats):
        fold = np.full(len(y), -1)
        for shots in order:
            fold[np.random.default_rng((seed, repeat, int(y[shots[0]]))).permutation(shots)] = (
                np.arange(len(shots)) % folds
            )
        parted += [Fold(np.flatnonzero(fold != f), np.flatnonzero(fold == f), seed + repeat) for f in range(folds)]
    return parted


def parting_plan(most: int) -> tuple[int, int]:
    """Folds of a parting, and partings, for classes of `most` shots at most; no fold where that is 1."""
    if most < 2:
        return 0, 0
    return min(most, _FOLDS_OF_FEW) if most <= _FEW else _FOLDS, max(1, min(_REPEATS, _ENOUGH // most))


def left_out_accuracy(
    X: Array, y: NDArray[np.integer], recipe: Recipe, ks: Sequence[int], fold: Fold
) -> NDArray[np.float64]:
    """Percent of a fold's left-out shots that proxies of the others tell rightly, at each k (len(ks),).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Shots, before any transform or NORM.
    y : ndarray of shape (n,)
    recipe : Recipe
        Its own k is not looked at.
    ks : sequence of int
    fold : Fold
    """
    none = np.zeros(0, dtype=np.int32)
    classes = y.astype(np.int32)
    split = Split(X[fold.stay], classes[fold.stay], none, X[fold.out], classes[fold.out], none, none, none, ())
    return Evaluator(split, recipe.space).accuracy_over_k(recipe, ks, None, [fold.seed])[:, 0]


def suggested(ks: Sequence[int], scores: Sequence[Scores], rule: str = RULE) -> int:
    """The k that a rule of the table reads from the folds' scores; the smallest where there is none.

    Parameters
    ----------
    ks : sequence of int
        Ascending.
    scores : sequence of ndarray of shape (len(ks),)
        What `left_out_accuracy` gives for each fold.
    rule : str
        Key of `RULES`.
    """
    return int(ks[RULES[rule].choose(np.stack(scores))] if len(scores) else ks[0])


def suggest_k(
    X: Array, y: NDArray[np.integer], recipe: Recipe, ks: Sequence[int], seed: int = 0, rule: str = RULE
) -> int:
    """Suggest k for a recipe from its shots alone.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Shots, before any transform or NORM.
    y : ndarray of shape (n,)
    recipe : Recipe
        Its own k is not looked at.
    ks : sequence of int
        What is chosen from, ascending.
    seed : int
    rule : str
        Key of `RULES`.

    Returns
    -------
    int
        One of `ks`; the smallest where no class has a shot to leave out.

    Raises
    ------
    ImprintError
        Without any k to choose from.
    """
    if not len(ks):
        raise ImprintError("There is no k to choose from; give at least one.")
    return suggested(ks, [left_out_accuracy(X, y, recipe, ks, fold) for fold in partings(y, seed)], rule)
