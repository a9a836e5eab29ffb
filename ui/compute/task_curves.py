"""Curves of tasks and suggested k's, as points of pictures that fill in; those that come along are there at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from imprint_core.collapse import precomputed
from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import GAIN, Asking, DrawnTask, curve_key, curve_of
from imprint_core.evaluation.k_selection import RULE, RULES, suggested
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.framework.recipe import Recipe
from ui.compute import results as cached
from ui.compute.progressive import Point, point_cache
from ui.controls.sidebar import Selection

HOW = f"◯ is the k that the shots of the first seed suggest ({RULES[RULE].label})."


def shots_of(selection: Selection) -> int | None:
    """Shots a class for the pictures that may take all training samples."""
    return selection.n if selection.panel.values["merge_n"] == "n" else None


def curve_points(tasks: Sequence[DrawnTask], recipe: Recipe, n: int | None) -> list[Point]:
    """The tasks' curves."""

    def make(task: DrawnTask) -> TaskCurve:
        return curve_of(task, cached.embeddings(task.info), recipe, n)

    return [
        _point(
            curve_key(task, recipe, n),
            lambda task=task: make(task),  # type: ignore[misc]
            # Products of all shots with all test samples, and k-means within classes, both go with the square.
            float(task.d**2 + 2),
        )
        for task in tasks
    ]


def fold_points(asking: Asking, most: int) -> list[Point]:
    """The folds that suggest a k, where a class gives `most` shots at most."""

    def make(fold: int) -> Any:
        return asking.scores(fold, cached.embeddings(asking.info))

    cost = (most / 60) ** 2 / 2
    return [
        _point(asking.key(fold), lambda fold=fold: make(fold), cost)  # type: ignore[misc]
        for fold in range(asking.folds(most))
    ]


def _point(key: str, make: Any, cost: float) -> Point:
    known = precomputed.kept().get(key)
    if known is not None and (key,) not in point_cache():
        point_cache().put((key,), known)
    return Point((key,), make, cost)


def suggested_of(scores: Sequence[Any], ks: Sequence[int]) -> int | None:
    """The suggested k; None as long as a fold is missing, or where there is none."""
    if not scores or any(value is None for value in scores):
        return None
    return suggested(ks, scores)


def nc1_of(curves: Sequence[TaskCurve], variant: str) -> Summary:
    """NC1 over draws."""
    return summarize([curve.nc1[variant] for curve in curves])


def accuracy_of(curves: Sequence[TaskCurve]) -> list[Summary]:
    """Accuracy at each k, over draws."""
    return [summarize(at) for at in np.stack([curve.accuracy for curve in curves], axis=1)]


def gain_of(curves: Sequence[TaskCurve], ks: Sequence[int]) -> Summary:
    """Accuracy at k = 5 less that at k = 1, draw by draw."""
    low, high = (list(ks).index(k) for k in GAIN)
    return summarize([curve.accuracy[high] - curve.accuracy[low] for curve in curves])
