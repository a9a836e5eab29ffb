"""Tasks on which collapse and k are compared: every embedding set, and its classes merged d into one.

Their results have keys made of the embeddings' digest and everything else that they depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.k_curves import TaskCurve, task_curve
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.evaluation.class_specs import DRAWS, MERGED_CLASSES, parse_classes
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.k_selection import Fold, fold_accuracy, fold_plan, validation_folds
from imprint_core.evaluation.task import SEEDS, shot_order
from imprint_core.framework.recipe import Recipe

# The k's of the paper's Figure 11; Figure 12 compares the second of `GAIN_KS` with the first.
KS = tuple(range(1, 16))
GAIN_KS = (1, 5)
# Classes of a dataset that suffice for ten merged ones of two each, and to show any effect of merging.
MANY_CLASSES, MERGEABLE_CLASSES = 20, 4


@dataclass(frozen=True)
class TaskDraw:
    """One draw of a task."""

    info: SetInfo
    # Classes merged into one; 0 for all classes without merging.
    d: int
    # Number of the draw of merged classes and of the seed, from 1.
    draw: int
    # The k's of its curve.
    ks: tuple[int, ...]

    @property
    def spec(self) -> str:
        """The class spec."""
        return f"{self.d}in1-{self.draw}" if self.d else "all"

    def experiment(self, recipe: Recipe, n_shot: int | None) -> Experiment:
        """Return the experiment with the draw's seed and the recipe's counterpart that has a k."""
        seed = SEEDS[(self.draw - 1) % len(SEEDS)]
        return Experiment(self.info, self.spec, n_shot, _with_k(recipe), (seed,))


def largest_d(classes: int) -> int:
    """Return how many of the classes of a dataset can be merged into one."""
    return min(MERGED_CLASSES, classes // 2)


def merged_tasks(info: SetInfo, classes: int, draws: int) -> list[TaskDraw]:
    """Return every d of a set with this number of classes, draw by draw (paper, Figure 11)."""
    return [TaskDraw(info, d, draw, KS) for draw in range(1, draws + 1) for d in range(1, largest_d(classes) + 1)]


def all_tasks(sets: Iterable[SetInfo], class_count: Callable[[SetInfo], int], draws: int) -> list[TaskDraw]:
    """Return the tasks of every set, with d from 1 if it has many classes (paper, Figure 12), set by set."""
    tasks: list[TaskDraw] = []
    for info in sets:
        if class_count(info) >= MANY_CLASSES:
            tasks += merged_tasks(info, class_count(info), draws)
        elif class_count(info) > 1:
            tasks += [TaskDraw(info, 0, draw, GAIN_KS) for draw in range(1, min(draws, DRAWS, len(SEEDS)) + 1)]
    return tasks


def compute_curve(task: TaskDraw, embeddings: EmbeddingSet, recipe: Recipe, n_shot: int | None) -> TaskCurve:
    """Compute NC1 and accuracy over k of a task; n_shot None takes all training samples."""
    experiment = task.experiment(recipe, n_shot)
    return task_curve(experiment.pool(embeddings), experiment.recipe, task.ks, n_shot, experiment.seeds[0])


def curve_key(task: TaskDraw, recipe: Recipe, n_shot: int | None) -> str:
    """Identify a curve."""
    return _key("curve", task.experiment(recipe, n_shot), task.ks)


@dataclass(frozen=True)
class KSelectionJob:
    """Cross-validation of the k's to choose from, on the shots of an experiment's first seed; its k is ignored."""

    experiment: Experiment
    ks: tuple[int, ...]

    def fold_count(self, largest_class: int) -> int:
        """Return the number of folds if the largest class has this many shots; none for a single k."""
        folds, repeats = fold_plan(largest_class)
        return folds * repeats if len(self.ks) > 1 else 0

    def key(self, fold: int) -> str:
        """Identify the scores of a fold."""
        return _key(f"fold {fold}", self.experiment, self.ks)

    def scores(self, fold: int, embeddings: EmbeddingSet) -> NDArray[np.float64]:
        """Compute the accuracy (len(ks),) on a validation fold at each k, in percent."""
        pool, seed = self.experiment.pool(embeddings), self.experiment.seeds[0]
        shots = np.concatenate([rows[: self.experiment.n_shot] for rows in shot_order(pool.y_train, seed)])
        among_shots = validation_folds(pool.y_train[shots], seed)[fold]
        # Rows of the pool, so that no copy of all shots is made.
        rows = Fold(shots[among_shots.train], shots[among_shots.validation], among_shots.seed)
        return fold_accuracy(pool.X_train, pool.y_train, self.experiment.recipe, self.ks, rows)


def most_shots(spec: str, names: Sequence[str], sizes: Sequence[int], n_shot: int | None) -> int:
    """Return the number of shots of the largest class of a spec, from names and sizes of the dataset's classes."""
    most = max(sum(sizes[c] for c in group) for group in parse_classes(spec, names).groups)
    return most if n_shot is None else min(most, n_shot)


def _key(result: str, experiment: Experiment, ks: Sequence[int]) -> str:
    samples, recipe = f"{experiment.info.digest[:16]} {experiment.classes}", _digest(experiment.recipe)
    return f"{result} {samples} {recipe} {','.join(map(str, ks))} {experiment.n_shot or 'all'} {experiment.seeds[0]}"


# Cached because a page makes hundreds of keys of one recipe.
_with_k = lru_cache(maxsize=64)(Recipe.with_k)


@lru_cache(maxsize=64)
def _digest(recipe: Recipe) -> str:
    return _with_k(recipe).digest[:16]
