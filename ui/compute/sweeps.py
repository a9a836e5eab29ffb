"""Runs of recipes on tasks: from the bundled sweep table if it has them, computed otherwise."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.sweeps.paper_findings import Finding, check_findings
from imprint_core.sweeps.run_measures import MEASURES, Floats, measure_predictions, measure_shots
from imprint_core.sweeps.sweep_table import SweepTable, TaskKey, bundled_sweep
from ui.compute import results as cached
from ui.compute.progressive import Point, point_cache


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def _table(path: Path, stamp: int, digests: tuple[str, ...], _sets: cached.Sets) -> SweepTable | ImprintError:
    try:
        return SweepTable.read(path, _sets)
    except ImprintError as error:
        return error


def sweep_table(path: Path, sets: cached.Sets) -> SweepTable:
    """A sweep's table without the rows of embeddings that are not available; an error if it can't be read."""
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    table = _table(path, stamp, tuple(info.digest for info in sets.values()), sets)
    if isinstance(table, ImprintError):
        raise ImprintError(str(table))
    return table


def bundled_table(sets: cached.Sets) -> tuple[SweepTable | None, str]:
    """The bundled table; or None and why it can't be used, so that all runs are computed."""
    try:
        return sweep_table(bundled_sweep(), sets), ""
    except ImprintError as error:
        return None, f"Bundled results are not used, all points are computed: {error}"


@st.cache_data(max_entries=64, show_spinner=False)
def _findings(key: str, tasks: tuple[TaskKey, ...], n: int, _table: SweepTable) -> list[Finding]:
    return check_findings(_table, tasks, n)


def findings(path: Path, table: SweepTable, tasks: tuple[TaskKey, ...], n: int) -> list[Finding]:
    """The paper's findings, checked on a table that was read from `path`."""
    return _findings(f"{path} {path.stat().st_mtime_ns}", tasks, n, table)


@st.cache_data(show_spinner=False)
def auto_finding() -> Finding:
    """Whether Auto is close to the best recipe, on the bundled survey."""
    # Imported here because it loads scikit-learn, which the first page does without.
    from imprint_core.sweeps import auto_survey

    return auto_survey.check_auto(auto_survey.read(auto_survey.bundled_path()))


def run_point(experiment: Experiment, table: SweepTable | None, cost: float = 1.0, measure: str = "accuracy") -> Point:
    """Runs of an experiment as a progressive point: a measure, and those computed with it, for each seed (s,).

    Runs of the bundled table are available at once.
    """
    recipe, seeds = experiment.recipe.canonical(), experiment.seeds
    if MEASURES[measure].of_shots is None:
        point = Point(("run", experiment.key), lambda: _measure_predictions(experiment), cost)
    else:
        key = ("shots", experiment.samples_key, experiment.n_shot, seeds, recipe.norm_pre)
        arguments = experiment.recipe.norm_pre, experiment.n_shot, seeds
        point = Point(key, lambda: measure_shots(cached.pool(experiment), *arguments), cost)
    if table is not None and point.key not in point_cache():
        task = TaskKey(experiment.info.fm, experiment.info.dataset, experiment.classes, experiment.n_shot or 0)
        runs = table.runs(task, recipe)
        if runs is not None and set(seeds) <= set(runs.seeds):
            rows = [runs.seeds.index(seed) for seed in seeds]
            point_cache().put(point.key, {name: values[rows] for name, values in runs.values.items()})
    return point


def _measure_predictions(experiment: Experiment) -> dict[str, Floats]:
    shared = cached.evaluator(experiment)
    return measure_predictions(shared.truth, cached.evaluation(experiment).predictions, len(shared.classes))
