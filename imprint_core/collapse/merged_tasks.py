"""Which tasks say how collapse and k go together: every set, and its classes merged d into one.

What is computed of them has a key, made of the embeddings' digest and of everything else that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.k_curves import TaskCurve, task_curve
from imprint_core.embeddings import EmbeddingSet, SetInfo
from imprint_core.evaluation.class_specs import DRAWS, MERGED, parse_classes
from imprint_core.evaluation.k_selection import left_out_accuracy, parting_plan, partings
from imprint_core.evaluation.task import SEEDS, choose_classes, shot_order
from imprint_core.framework.recipe import Recipe

# The k's of the paper's Figure 11; its Figure 12 compares the fifth with the first.
KS = tuple(range(1, 16))
GAIN = (1, 5)
# So many classes make ten merged ones of two at least; fewer still show what merging does.
MANY, SOME = 20, 4


@dataclass(frozen=True)
class DrawnTask:
    """One draw of one task.

    Attributes
    ----------
    info : SetInfo
    d : int
        Classes merged into one; 0 where none is and all take part as they are.
    draw : int
        From 1 up: of the merging, and of the seed.
    ks : tuple of int
    """

    info: SetInfo
    d: int
    draw: int
    ks: tuple[int, ...]

    @property
    def spec(self) -> str:
        """The classes of this very draw."""
        return f"{self.d}in1-{self.draw}" if self.d else "all"

    @property
    def seed(self) -> int:
        """Of shots and proxies."""
        return SEEDS[(self.draw - 1) % len(SEEDS)]


def merged_most(classes: int) -> int:
    """How many of so many classes can be merged into one."""
    return min(MERGED, classes // 2)


def merged_tasks(info: SetInfo, classes: int, draws: int) -> list[DrawnTask]:
    """Every d of a set of so many classes, draw by draw (paper, Fig. 11)."""
    return [DrawnTask(info, d, draw, KS) for draw in range(1, draws + 1) for d in range(1, merged_most(classes) + 1)]


def every_task(sets: Mapping[tuple[str, str], SetInfo], count: Callable[[SetInfo], int], draws: int) -> list[DrawnTask]:
    """Every set, those of many classes as every d in 1 (paper, Fig. 12); a set's tasks beside each other.

    Parameters
    ----------
    sets : mapping
    count : callable
        Tells how many classes a set has.
    draws : int
    """
    tasks: list[DrawnTask] = []
    for info in sets.values():
        if count(info) < 2:
            # A single class has nothing to be compared with.
            continue
        if count(info) >= MANY:
            tasks += merged_tasks(info, count(info), draws)
        else:
            tasks += [DrawnTask(info, 0, draw, GAIN) for draw in range(1, min(draws, DRAWS, len(SEEDS)) + 1)]
    return tasks


@lru_cache(maxsize=64)
def with_k(recipe: Recipe) -> Recipe:
    """The recipe with k = 1, with a related GEN method if its own ignores k."""
    return recipe.with_k()


def curve_of(task: DrawnTask, embeddings: EmbeddingSet, recipe: Recipe, n: int | None) -> TaskCurve:
    """NC1 and accuracy over k of a task; n None takes all training samples."""
    return task_curve(choose_classes(embeddings, task.spec), with_k(recipe), task.ks, n, task.seed)


def curve_key(task: DrawnTask, recipe: Recipe, n: int | None) -> str:
    """Under which a curve is kept."""
    return _key("curve", task.info, task.spec, with_k(recipe), task.ks, n, task.seed)


@dataclass(frozen=True)
class Asking:
    """What the shots of one seed are asked for a k about.

    Attributes
    ----------
    info : SetInfo
    classes : str
    recipe : Recipe
    ks : tuple of int
    n : int or None
        Shots a class; None for all.
    seed : int
    """

    info: SetInfo
    classes: str
    recipe: Recipe
    ks: tuple[int, ...]
    n: int | None
    seed: int

    def folds(self, most: int) -> int:
        """How many folds there are, where a class gives `most` shots at most; none where there is nothing to choose."""
        folds, repeats = parting_plan(most)
        return folds * repeats if len(self.ks) > 1 else 0

    def key(self, fold: int) -> str:
        """Under which a fold's scores are kept."""
        return _key(f"fold {fold}", self.info, self.classes, with_k(self.recipe), self.ks, self.n, self.seed)

    def scores(self, fold: int, embeddings: EmbeddingSet) -> NDArray[np.float64]:
        """Accuracy (len(ks),) of the fold's left-out shots at each k, in percent."""
        pool = choose_classes(embeddings, self.classes)
        rows = np.concatenate([order[: self.n] for order in shot_order(pool.y_train, self.seed)])
        x, y = pool.X_train[rows], pool.y_train[rows]
        return left_out_accuracy(x, y, self.recipe, self.ks, partings(y, self.seed)[fold])


def most_shots(spec: str, names: Sequence[str], sizes: Sequence[int], n: int | None) -> int:
    """How many shots a class of a spec gives at most.

    Parameters
    ----------
    spec : str
        Of `parse_classes`.
    names : sequence of str
        Of the dataset's classes.
    sizes : sequence of int
        Training samples of each of them.
    n : int or None
        Shots a class; None for all.
    """
    most = max(sum(sizes[c] for c in group) for group in parse_classes(spec, names).groups)
    return most if n is None else min(most, n)


def merged_asking(info: SetInfo, task: DrawnTask, recipe: Recipe, n: int | None) -> Asking:
    """Ask the shots of a merged task."""
    return Asking(info, task.spec, with_k(recipe), task.ks, n, task.seed)


def _key(what: str, info: SetInfo, classes: str, recipe: Recipe, ks: Sequence[int], n: int | None, seed: int) -> str:
    return " ".join(
        [what, info.digest[:16], classes, _digest(recipe), ",".join(map(str, ks)), str(n or "all"), str(seed)]
    )


@lru_cache(maxsize=64)
def _digest(recipe: Recipe) -> str:
    # A page makes hundreds of keys of one recipe.
    return recipe.digest[:16]
