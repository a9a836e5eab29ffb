"""What a sweep found, looked up by task and recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings import SetInfo
from imprint_core.framework.generation import GENERATORS
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.paths import bundled_folder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """An entry of the table: what is measured of a run.

    Attributes
    ----------
    label, unit, help : str
    """

    label: str
    unit: str
    help: str


MEASURES: dict[str, Measure] = {
    "accuracy": Measure("Accuracy", " %", "Share of the test samples that are right."),
    "macro_f1": Measure("Macro-F1", " %", "F1 of each class, averaged: small classes count as much as large ones."),
    "nc1": Measure(
        "NC1", "", "How widely classes spread around their means, by the spread of these. It is the shots', not k's."
    ),
}


class Where(NamedTuple):
    """A task without its seed: keys of FM and dataset, classes, and shots a class (0 for all)."""

    fm: str
    dataset: str
    classes: str
    n: int


class Run(NamedTuple):
    """What one recipe reached on one task: seeds (s,), and for each of `MEASURES` its values (s,)."""

    seeds: tuple[int, ...]
    values: dict[str, Floats]


@dataclass(frozen=True)
class Scores:
    """Recipes on the tasks that all of them were run on.

    Attributes
    ----------
    tasks : tuple of Where
    values : ndarray of shape (t, q)
        Medians over seeds (paper, as its tables).
    """

    tasks: tuple[Where, ...]
    values: Floats


def of_fm(recipe: Recipe, fm: str) -> Recipe:
    """The recipe with the FM's own λ where it solves least squares (paper, Table A.4); canonical."""
    return (replace(recipe, lam=ridge_of(fm)) if GENERATORS[recipe.gen].ridge else recipe).canonical()


def bundled_results() -> Path:
    """Where the table of the bundled sets lies: `sweep bundled`."""
    return bundled_folder() / "sweep.parquet"


class Results:
    """A sweep's rows.

    Parameters
    ----------
    rows : iterable of dict
        As `sweep.read_table` gives them.
    sets : mapping, optional
        The embedding sets at hand; rows of other embeddings are left out and counted.

    Attributes
    ----------
    stale : int
        Rows that were left out.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any]], sets: Mapping[tuple[str, str], SetInfo] | None = None
    ) -> None:
        found: dict[tuple[Where, str], list[Mapping[str, Any]]] = {}
        self.stale = 0
        for row in rows:
            where = Where(row["fm"], row["dataset"], row["classes"], row["n"])
            info = sets.get((where.fm, where.dataset)) if sets is not None else None
            if sets is not None and (info is None or info.digest[:16] != row["set"]):
                self.stale += 1
                continue
            found.setdefault((where, row["recipe"]), []).append(row)
        self._runs = {key: _run(own) for key, own in found.items()}
        self.tasks: tuple[Where, ...] = tuple(dict.fromkeys(where for where, _ in self._runs))

    def run(self, where: Where, recipe: Recipe) -> Run | None:
        """What a recipe, with the λ that it has, reached on a task; None where that is not in the table."""
        return self._runs.get((where, recipe.canonical().digest[:16]))

    def scores(self, recipes: Sequence[Recipe], tasks: Iterable[Where], measure: str = "accuracy") -> Scores:
        """Medians over seeds on those of the tasks that have all recipes, each with the FM's own λ."""
        kept, values = [], []
        for where in tasks:
            runs = [self.run(where, of_fm(recipe, where.fm)) for recipe in recipes]
            if all(run is not None for run in runs):
                kept.append(where)
                values.append([float(np.median(run.values[measure])) for run in runs if run is not None])
        return Scores(tuple(kept), np.array(values, dtype=np.float64).reshape(len(kept), len(recipes)))


def _run(rows: Sequence[Mapping[str, Any]]) -> Run:
    ordered = sorted(rows, key=lambda row: row["seed"])
    values = {m: np.array([row[m] for row in ordered], dtype=np.float64) for m in MEASURES}
    return Run(tuple(row["seed"] for row in ordered), values)
