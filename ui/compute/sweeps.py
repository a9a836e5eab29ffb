"""Runs of recipes on tasks: out of the table that comes along or computed, whichever is there first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.metrics import macro_f1
from imprint_core.sweeps.paper_findings import Finding, check
from imprint_core.sweeps.sweep_table import MEASURES, Results, Where, bundled_results, of_fm
from ui.compute import collapse
from ui.compute import results as cached
from ui.compute.progressive import Point, results
from ui.controls.control import Sets

Values = dict[str, NDArray[np.float64]]


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def _results(path: Path, stamp: int, digests: tuple[str, ...], _sets: Sets) -> Results:
    # Here, for it imports what only a sweep needs.
    from imprint_core.sweeps.runner import read_table

    return Results(read_table(path), _sets)


def table(path: Path, sets: Sets) -> Results:
    """A sweep's table, of the embeddings at hand.

    Raises
    ------
    ImprintError
        If it can't be read, or is of another version.
    """
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return _results(path, stamp, tuple(info.digest for info in sets.values()), sets)


@st.cache_data(max_entries=64, show_spinner=False)
def _checked(key: str, tasks: tuple[Where, ...], n: int, _results: Results) -> list[Finding]:
    return check(_results, tasks, n)


def checked(path: Path, results: Results, tasks: tuple[Where, ...], n: int) -> list[Finding]:
    """The paper's findings on a table that was read from there."""
    return _checked(f"{path} {path.stat().st_mtime_ns}", tasks, n, results)


def shots_in(path: str) -> list[int]:
    """The n-shots of a table, 0 for all; none where it can't be read, which is said where it is used."""
    return _shots_in(path, Path(path).stat().st_mtime_ns)


@st.cache_data(max_entries=16, show_spinner=False)
def _shots_in(path: str, stamp: int) -> list[int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return sorted(set(pq.read_table(path, columns=["n"]).column("n").to_pylist()))
    except (OSError, pa.ArrowException, KeyError):
        return []


def run_point(
    experiment: Experiment,
    sets: Sets,
    cost: float = 1.0,
    own_lambda: bool = False,
) -> Point:
    """A recipe on a task as a point that fills in: each of `MEASURES` for each seed (s,).

    λ is the FM's, or the recipe's own. What the bundled table has is there at once.
    """
    info, recipe = experiment.info, experiment.recipe
    experiment = experiment.with_(recipe=recipe.canonical() if own_lambda else of_fm(recipe, info.fm))
    point = Point(("run", experiment.key), lambda: _computed(experiment), cost)
    if point.key not in results():
        known = table(bundled_results(), sets).run(
            Where(info.fm, info.dataset, experiment.classes, experiment.n_shot or 0), experiment.recipe
        )
        if known is not None and set(experiment.seeds) <= set(known.seeds):
            rows = [known.seeds.index(seed) for seed in experiment.seeds]
            results().put(point.key, {name: values[rows] for name, values in known.values.items()})
    return point


def _computed(experiment: Experiment) -> Values:
    shared = cached.evaluator(experiment)
    most = experiment.n_shot or len(shared.pool.y_train)
    found = cached.evaluation(experiment)
    f1 = [macro_f1(shared.truth, predicted, len(shared.classes)) for predicted in found.predictions]
    told = len(shared.classes) > 1 and most > 1
    nc1 = (
        collapse.nc1_per_class(experiment, "textbook").mean(axis=1) if told else np.full(len(experiment.seeds), np.nan)
    )
    return dict(zip(MEASURES, (found.accuracy, np.array(f1), nc1), strict=True))
