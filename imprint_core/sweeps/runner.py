"""Evaluate the cells of a grid in parallel and store their rows in one table.

Recipes share what they have in common: the inner products of a task and a space, and the proxies of a GEN and k for
all NORM post and AGG. Cells run in parallel through joblib, on this machine's cores or on a Dask cluster. The Parquet
file is complete at any time; a sweep that is started again resumes from its rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from imprint_core.embeddings import EmbeddingSet, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.recipe import Recipe, Space
from imprint_core.sweeps.grid import Cell
from imprint_core.sweeps.run_measures import measure_predictions, measure_shots
from imprint_core.sweeps.sweep_recipe import sweep_recipe
from imprint_core.sweeps.sweep_table import KEY, Row, SweepTable

# Seconds between two writes of the table.
_SAVE = 5.0
# Worker deaths in a row that a sweep tolerates.
_DEATHS = 3


def evaluate_cell(cell: Cell) -> list[Row]:
    """The rows of a cell: one per recipe and seed."""
    # One thread, so that sums are rounded in the same way by all backends.
    with threadpool_limits(1):
        evaluator = _evaluator(cell.info.path, cell.info.digest, cell.classes, cell.recipes[0].space)
        counts = [sum(map(len, evaluator.shots(cell.n, seed))) for seed in cell.seeds]
        of_shots = measure_shots(evaluator.pool, evaluator.space.norm_pre, cell.n, cell.seeds)
        rows = []
        # Recipes of the same GEN and k in a row: they share their proxies.
        for recipe in sorted(cell.recipes, key=lambda r: (r.gen, r.k)):
            predictions = evaluator.evaluate(recipe, cell.n, cell.seeds).predictions
            values = measure_predictions(evaluator.truth, predictions, len(evaluator.classes)) | of_shots
            rows += [
                {
                    **_task_columns(cell),
                    "recipe": _stored_text(recipe),
                    "seed": seed,
                    "set": cell.info.digest[:16],
                    "shots": counts[i],
                    "test_samples": len(evaluator.truth),
                    **{name: float(runs[i]) for name, runs in values.items()},
                }
                for i, seed in enumerate(cell.seeds)
            ]
        return rows


def _task_columns(cell: Cell) -> Row:
    return {"fm": cell.info.fm, "dataset": cell.info.dataset, "classes": cell.classes, "n": cell.n or 0}


@lru_cache(maxsize=4096)
def _stored_text(recipe: Recipe) -> str:
    """A recipe, with its λ, as in the table."""
    return sweep_recipe(recipe, fixed_lam=True).text


# Cells of one task and space are consecutive: a worker computes their inner products once.
@lru_cache(maxsize=1)
def _evaluator(path: Path, digest: str, classes: str, space: Space) -> Evaluator:
    return Evaluator(choose_classes(_opened(path, digest), classes), space)


@lru_cache(maxsize=2)
def _opened(path: Path, digest: str) -> EmbeddingSet:
    from imprint_core.embeddings.store import read_info

    return open_set(read_info(path))


def run_cells(
    cells: Sequence[Cell],
    backend: str = "loky",
    jobs: int = -1,
    address: str = "",
    work: Callable[[Cell], list[Row]] = evaluate_cell,
) -> Iterator[list[Row]]:
    """Evaluate cells in parallel and yield their rows in the order of completion.

    The cells of a worker that dies are evaluated again.

    Parameters
    ----------
    cells : sequence of Cell
    backend : {"sequential", "loky", "dask"}
        This process, this machine's cores, or a Dask cluster.
    jobs : int
        Number of processes; −1 for one per core.
    address : str
        Address of the Dask cluster's scheduler.
    work : callable
        Maps a cell to its rows.

    Raises
    ------
    ImprintError
        If the cluster can't be reached, or workers die repeatedly.
    """
    if backend == "sequential":
        yield from map(work, cells)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    remaining = dict(enumerate(cells))
    deaths = 0
    with _client(address) if backend == "dask" else nullcontext():
        while remaining:
            try:
                with parallel_config(backend=backend, n_jobs=jobs):
                    tasks = [delayed(_numbered)(work, i, cell) for i, cell in remaining.items()]
                    for i, rows in Parallel(return_as="generator_unordered")(tasks):
                        del remaining[i]
                        deaths = 0
                        yield rows
            except TerminatedWorkerError as error:
                deaths += 1
                if deaths > _DEATHS:
                    raise ImprintError(
                        f"Workers died {deaths} times in a row, perhaps because memory ran out. Resume with --backend "
                        "sequential or fewer --jobs; finished runs are stored."
                    ) from error


def _numbered(work: Callable[[Cell], list[Row]], i: int, cell: Cell) -> tuple[int, list[Row]]:
    return i, work(cell)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ImprintError(
            "A Dask cluster needs the package distributed. Install it, or use --backend loky."
        ) from error
    try:
        return Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise ImprintError(
            f"No Dask scheduler answers at '{address[:80]}'. Give its address as --address tcp://host:8786."
        ) from error


def sweep(
    cells: Sequence[Cell],
    out: Path,
    report: Callable[[int, int], None] = lambda done, runs: None,
    **options: Any,
) -> SweepTable:
    """Evaluate the runs that the table at `out` lacks, with the options of `run_cells`, and store them regularly.

    Rows of the same embeddings stay. `report` takes the number of finished runs and that of all runs.

    Raises
    ------
    ImprintError
        If the file is not a table of this version.
    """
    try:
        rows = {_key(row): row for row in SweepTable.read(out).rows.to_pylist()}
    except ImprintError as error:
        raise ImprintError(f"{error} Move it away or choose another --out.") from error
    remaining = [part for cell in cells if (part := cell.without(_finished(cell, rows))) is not None]
    total = sum(cell.runs for cell in cells)
    done, saved = total - sum(cell.runs for cell in remaining), time.monotonic()
    report(done, total)
    try:
        for new_rows in run_cells(remaining, **options):
            rows |= {_key(row): row for row in new_rows}
            done += len(new_rows)
            report(done, total)
            if time.monotonic() - saved > _SAVE:
                SweepTable.from_rows(rows.values()).write(out)
                saved = time.monotonic()
    finally:
        # Also after an error: finished runs are stored.
        table = SweepTable.from_rows(rows.values())
        if remaining:
            table.write(out)
    return table


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)


def _finished(cell: Cell, rows: Mapping[tuple[Any, ...], Row]) -> set[tuple[Recipe, int]]:
    """Pairs of a recipe and a seed that the table has for the embeddings of the cell."""
    task, digest = tuple(_task_columns(cell).values()), cell.info.digest[:16]
    texts = {recipe: _stored_text(recipe) for recipe in cell.recipes}
    return {
        (recipe, seed)
        for recipe, text in texts.items()
        for seed in cell.seeds
        if rows.get((*task, text, seed), {}).get("set") == digest
    }
