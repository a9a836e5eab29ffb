"""Curves of tasks and scores of validation folds as points of progressive figures; bundled ones are not recomputed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from imprint_core.collapse.correlation import Correlation, correlate
from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import GAIN_KS, KSelectionJob, TaskDraw, compute_curve, curve_key
from imprint_core.collapse.precomputed import precomputed_results
from imprint_core.evaluation.k_selection import choose_k
from imprint_core.evaluation.metrics import Summary, summarize
from imprint_core.figures.nc1_gain import TaskPoint
from imprint_core.framework.recipe import Recipe
from ui.compute.progressive import Point, point_cache
from ui.compute.results import embeddings
from ui.text.labels import label_of_dataset, label_of_fm

# FM, dataset, and d of "d in 1"; d is 0 for datasets without merging.
TaskKey = tuple[str, str, int]


def curve_points(tasks: Sequence[TaskDraw], recipe: Recipe, n_shot: int | None) -> list[Point]:
    """Return one point per task: its NC1 and its accuracy over k."""

    def compute(task: TaskDraw) -> TaskCurve:
        return compute_curve(task, embeddings(task.info), recipe, n_shot)

    # Inner products of shots and test samples, and k-means within classes, take time quadratic in d.
    return [_point(curve_key(task, recipe, n_shot), partial(compute, task), float(task.d**2 + 2)) for task in tasks]


def fold_points(job: KSelectionJob, largest_class: int) -> list[Point]:
    """Return one point per validation fold; `largest_class`, in shots, sets the cost."""

    def compute(fold: int) -> Any:
        return job.scores(fold, embeddings(job.experiment.info))

    cost = (largest_class / 60) ** 2 / 2
    return [_point(job.key(fold), partial(compute, fold), cost) for fold in range(job.fold_count(largest_class))]


def _point(key: str, compute: Callable[[], Any], cost: float) -> Point:
    bundled = precomputed_results().get(key)
    if bundled is not None and (key,) not in point_cache():
        point_cache().put((key,), bundled)
    return Point((key,), compute, cost)


def suggested_k(scores: Sequence[Any], ks: Sequence[int]) -> int | None:
    """Return the suggested k; None while a fold is missing, or without folds."""
    if not scores or any(value is None for value in scores):
        return None
    return choose_k(ks, scores)


def nc1_of(curves: Sequence[TaskCurve], variant: str) -> Summary:
    """Summarize NC1 over draws."""
    return summarize([curve.nc1[variant] for curve in curves])


def accuracy_of(curves: Sequence[TaskCurve]) -> list[Summary]:
    """Summarize the accuracy at each k over draws."""
    return [summarize(accuracies) for accuracies in np.stack([curve.accuracy for curve in curves], axis=1)]


def task_points(
    curves: Iterable[tuple[TaskDraw, TaskCurve]], variant: str, current: TaskKey | None = None
) -> dict[TaskKey, TaskPoint]:
    """Summarize NC1 and gain of each task over its draws, by FM, dataset and d."""
    draws: dict[TaskKey, list[tuple[TaskDraw, TaskCurve]]] = {}
    for task, curve in curves:
        draws.setdefault((task.info.fm, task.info.dataset, task.d), []).append((task, curve))
    points = {}
    for (fm, data, d), pairs in draws.items():
        labels = label_of_fm(fm), label_of_dataset(data)
        name = ", ".join(labels) + (f", {d} in 1" if d else "")
        low, high = (pairs[0][0].ks.index(k) for k in GAIN_KS)
        gain = summarize([curve.accuracy[high] - curve.accuracy[low] for _, curve in pairs])
        nc1 = nc1_of([curve for _, curve in pairs], variant)
        points[fm, data, d] = TaskPoint(*labels, name, nc1, gain, (fm, data, d) == current)
    return points


def correlation_of(points: Iterable[TaskPoint]) -> Correlation | None:
    """Correlate the medians of NC1 and gain over tasks."""
    points = list(points)
    return correlate([point.nc1.median for point in points], [point.gain.median for point in points])
