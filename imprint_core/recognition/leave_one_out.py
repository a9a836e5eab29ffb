"""Leave-one-out: each shot is classified by proxies of the other shots, so that shots measure their own recipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.framework.aggregation import AGGREGATIONS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.framework.distances import compare
from imprint_core.framework.generation import generate
from imprint_core.framework.normalization import NORMALIZATIONS, POST_NORMALIZATIONS, Array
from imprint_core.framework.recipe import Recipe, depends_on_all

MOST_SHOTS, LEAST_SHOTS = 200, 40
"""Shots that are left out, each in turn: at most so many, and of many shots, with which each takes longer, at least."""
MOST_REFITS, LEAST_REFITS = 40, 8
"""The same for recipes whose proxies depend on the shots of all classes, so that each needs a new classifier."""
# From so many shots on, fewer than the most are left out.
_MANY = 100


@dataclass(frozen=True)
class LeaveOneOut:
    """Scores of shots that were left out, each in turn.

    Attributes
    ----------
    rows : ndarray of shape (r,)
        The shots, ascending. A shot that is the only one of its class is not among them.
    codes : ndarray of shape (r,)
        Their classes, as columns of the scores.
    scores : ndarray of shape (r, C)
        Scores of all classes in ascending order, as AGG gives them.
    cosines : ndarray of shape (r, C)
        Cosine to the nearest proxy of each class.
    """

    rows: NDArray[np.intp]
    codes: NDArray[np.intp]
    scores: NDArray[np.float64]
    cosines: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """Share of these shots that are classified correctly; NaN without shots."""
        return float((self.scores.argmax(axis=1) == self.codes).mean()) if len(self.rows) else float("nan")


def leave_one_out(
    model: ImprintingClassifier, X: Array, y: NDArray[np.integer], most: int | None = None
) -> LeaveOneOut:
    """Classify each shot by the recipe's proxies of all other shots; exact for every recipe.

    Without its shot only the proxies of one class change, and no classifier is fitted. Where proxies depend on the
    shots of all classes, one is fitted per shot.

    Parameters
    ----------
    model : ImprintingClassifier
        Fitted to the shots.
    X : ndarray of shape (n, d)
        Embeddings of the shots.
    y : ndarray of shape (n,)
        Their classes.
    most : int, optional
        Number of shots to leave out at most, spread evenly over the shots of each class. Default: `MOST_SHOTS`, or
        `MOST_REFITS` where each needs a new classifier, and in inverse proportion fewer for more than 100 shots.

    Raises
    ------
    ImprintError
        If X or y are not of the shots that the model was fitted to.
    """
    if len(X) != len(y) or not np.array_equal(np.unique(y), model.classes_):
        raise ImprintError("Leave-one-out needs the shots that the classifier was fitted to.")
    refits = depends_on_all(model.recipe_) or POST_NORMALIZATIONS[model.recipe_.norm_post].sequential
    codes = np.searchsorted(model.classes_, y)
    upper, lower = (MOST_REFITS, LEAST_REFITS) if refits else (MOST_SHOTS, LEAST_SHOTS)
    rows = _spread(codes, most or min(upper, max(lower, upper * _MANY // len(X))))
    results = [
        _score(*proxies, x, model.recipe_)
        for proxies, x in (_refitted if refits else _regenerated)(model, X, codes, rows)
    ]
    shape = (len(rows), len(model.classes_))
    scores, cosines = (np.array([r[i] for r in results], dtype=np.float64).reshape(shape) for i in (0, 1))
    return LeaveOneOut(rows, codes[rows], scores, cosines)


def _spread(codes: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` rows, evenly spread within each class of two or more shots; at least one of each."""
    of_class = [rows for rows in (np.flatnonzero(codes == c) for c in np.unique(codes)) if len(rows) > 1]
    share = min(1.0, most / max(1, sum(map(len, of_class))))
    counts = [max(1, int(share * len(rows))) for rows in of_class]
    chosen = [
        rows[np.linspace(0, len(rows) - 1, n).round().astype(int)] for rows, n in zip(of_class, counts, strict=True)
    ]
    return np.sort(np.concatenate([*chosen, np.empty(0, dtype=np.intp)])).astype(np.intp)


Proxies = tuple[Array, NDArray[np.intp]]


def _regenerated(
    model: ImprintingClassifier, X: Array, codes: NDArray[np.intp], rows: NDArray[np.intp]
) -> Iterator[tuple[Proxies, Array]]:
    """Proxies without each shot, and the shot: those of its class are generated again, the others are unchanged."""
    recipe, owner = model.recipe_, model.proxy_class_
    features = model.transform_(X)
    shots = NORMALIZATIONS[recipe.norm_pre].function(features)
    tests = NORMALIZATIONS[recipe.norm_inf].function(features)
    members = [np.setdiff1d(np.flatnonzero(codes == codes[row]), row) for row in rows]
    post = POST_NORMALIZATIONS[recipe.norm_post].function
    for row, generated in zip(rows, generate(shots, members, recipe.gen, recipe.k, model.random_state)[0], strict=True):
        code = codes[row]
        before, after = model.proxies_[owner < code], model.proxies_[owner > code]
        proxies = np.concatenate([before, post(generated, np.zeros(1, dtype=np.intp)), after])
        owners = np.concatenate([owner[owner < code], np.full(len(generated), code), owner[owner > code]])
        yield (proxies, owners), tests[row]


def _refitted(
    model: ImprintingClassifier, X: Array, codes: NDArray[np.intp], rows: NDArray[np.intp]
) -> Iterator[tuple[Proxies, Array]]:
    for row in rows:
        rest = np.arange(len(X)) != row
        fitted = ImprintingClassifier.from_recipe(model.recipe_, model.random_state).fit(X[rest], codes[rest])
        x = NORMALIZATIONS[model.recipe_.norm_inf].function(fitted.transform_(X[row][None]))
        yield (fitted.proxies_, fitted.proxy_class_), x[0]


def _score(proxies: Array, owner: NDArray[np.intp], x: Array, recipe: Recipe) -> tuple[Array, Array]:
    """Scores and cosines (C,) of an embedding x (d,) in the space of the proxies."""
    starts = np.searchsorted(owner, np.arange(owner[-1] + 1))
    part = compare(proxies, x[None], starts)
    scores = AGGREGATIONS[recipe.agg].function(part, recipe.voting)[:, 0]
    return scores, np.maximum.reduceat(cosines_of(proxies, x), starts)


def cosines_of(proxies: Array, x: Array) -> Array:
    """Cosines (p,) of proxies (p, d) and an embedding x (d,); 0 for zero vectors."""
    lengths = np.sqrt(np.einsum("pd,pd->p", proxies, proxies) * np.dot(x, x))
    inner = proxies @ x
    return np.divide(inner, lengths, out=np.zeros_like(inner), where=lengths > 0)
