"""Measures of a run, which is a recipe on a task with one seed: stored by sweeps and drawn by Curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.evaluation.metrics import macro_f1
from imprint_core.evaluation.task import Split, shot_order
from imprint_core.framework.normalization import NORMALIZATIONS, Array

Floats = NDArray[np.float64]
Classes = NDArray[np.integer]


@dataclass(frozen=True)
class Measure:
    """An entry of the table, with exactly one of the two functions.

    Attributes
    ----------
    label, unit, help : str
    of_predictions : callable, optional
        Maps true and predicted classes (m,), numbered from 0, and the number of classes to the value.
    of_shots : callable, optional
        Maps the shots (n, d) after NORM pre and their classes (n,) to the value; NaN if it is undefined. Such a
        measure depends on neither k, λ nor AGG.
    digits : int
        Decimals in text.
    log : bool
        Whether its axis is logarithmic.
    """

    label: str
    unit: str
    help: str
    of_predictions: Callable[[Classes, Classes, int], float] | None = None
    of_shots: Callable[[Array, Classes], float] | None = None
    digits: int = 1
    log: bool = False


def _accuracy(truth: Classes, predicted: Classes, classes: int) -> float:
    return float(100 * (truth == predicted).mean())


def _macro_f1(truth: Classes, predicted: Classes, classes: int) -> float:
    # A table of many rows is small if values have few digits.
    return round(macro_f1(truth, predicted, classes), 4)


def _nc1(shots: Array, y: Classes) -> float:
    """NC1 as in the textbook; undefined for one class, or one shot per class."""
    classes = len(np.unique(y))
    if classes < 2 or len(y) == classes:
        return float("nan")
    return float(f"{NC1_VARIANTS['textbook'].per_class(shots, y).mean():.6g}")


MEASURES: dict[str, Measure] = {
    "accuracy": Measure("Accuracy", " %", "Share of correctly classified test samples.", _accuracy),
    "macro_f1": Measure("Macro-F1", " %", "Mean F1 of the classes: every class has the same weight.", _macro_f1),
    "nc1": Measure(
        "NC1",
        "",
        "Variability within classes relative to that between class means. It depends on the shots, not on k.",
        of_shots=_nc1,
        digits=2,
        log=True,
    ),
}


def measure_predictions(truth: Classes, predictions: Classes, classes: int) -> dict[str, Floats]:
    """Every measure (s,) of predictions (s, m), with the classes (m,) of the test samples numbered from 0."""
    return {
        name: np.array([measure.of_predictions(truth, predicted, classes) for predicted in predictions])
        for name, measure in MEASURES.items()
        if measure.of_predictions is not None
    }


def measure_shots(pool: Split, norm_pre: str, n: int | None, seeds: Sequence[int]) -> dict[str, Floats]:
    """Every measure (s,) of n shots per class (None: all) for each seed, after NORM pre and before any transform."""
    measures = {name: m.of_shots for name, m in MEASURES.items() if m.of_shots is not None}
    runs = []
    for seed in seeds:
        rows = np.concatenate([order[:n] for order in shot_order(pool.y_train, seed)])
        shots = NORMALIZATIONS[norm_pre].function(pool.X_train[rows])
        runs.append({name: measure(shots, pool.y_train[rows]) for name, measure in measures.items()})
    return {name: np.array([run[name] for run in runs]) for name in measures}
