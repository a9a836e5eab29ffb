"""Sweeps: every recipe of a grid on every task with every seed, into one table.

What recipes share is done once: the inner products of a task and a space, and the proxies of a GEN and k whatever NORM
post and AGG follow. Cells of a grid run beside each other through joblib, on this machine's cores or on a Dask cluster.
The table is a Parquet file that always is whole; a sweep that is begun again goes on from what it holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.embeddings import EmbeddingSet, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.metrics import macro_f1
from imprint_core.evaluation.task import choose_classes
from imprint_core.files import write_atomically
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.framework.recipe import Recipe, Space
from imprint_core.sweeps.grid import Cell, without

# Of the table; a file of another one is not gone on with.
VERSION = "2"
BACKENDS = ("sequential", "loky", "dask")
# Seconds between two writes of the table.
_SAVE = 5.0
# How often in a row workers may die before a sweep gives up.
_DEATHS = 3

_PARTS = [f.name for f in fields(Recipe)]
_KEY = ["fm", "dataset", "classes", "n", "recipe", "seed"]
SCHEMA = pa.schema(
    [
        ("fm", pa.string()),
        ("dataset", pa.string()),
        ("classes", pa.string()),
        # 0 for all training samples.
        ("n", pa.int32()),
        ("recipe", pa.string()),
        ("seed", pa.int64()),
        ("set", pa.string()),
        *(
            (name, pa.int32() if name in ("k", "m") else pa.float64() if name == "lam" else pa.string())
            for name in _PARTS
        ),
        ("shots", pa.int32()),
        ("test_samples", pa.int32()),
        ("accuracy", pa.float64()),
        ("macro_f1", pa.float64()),
        ("nc1", pa.float64()),
    ],
    metadata={"imprint": VERSION},
)

Row = dict[str, Any]


def evaluate_cell(cell: Cell) -> list[Row]:
    """The rows of a cell, one a recipe and seed."""
    # On one thread, so that sums are rounded alike wherever a cell runs.
    with threadpool_limits(1):
        evaluator = _evaluator(cell.info.path, cell.info.digest, cell.classes, cell.recipes[0].space)
        shots = {seed: sum(map(len, evaluator.shots(cell.n, seed))) for seed in cell.seeds}
        nc1 = {seed: _nc1(evaluator, cell.n, seed) for seed in cell.seeds}
        rows = []
        # Those of one GEN and k beside each other: their proxies are made once.
        for recipe in sorted(cell.recipes, key=lambda r: (r.gen, r.k)):
            found = evaluator.evaluate(recipe, cell.n, cell.seeds)
            rows += [
                {
                    **_where(cell),
                    "recipe": recipe.digest[:16],
                    "seed": seed,
                    **{k: str(v) if k == "shrinkage" else v for k, v in asdict(recipe).items()},
                    "shots": shots[seed],
                    "test_samples": len(evaluator.truth),
                    "accuracy": float(accuracy),
                    # A table of many rows is small where values have few digits.
                    "macro_f1": round(macro_f1(evaluator.truth, predicted, len(evaluator.classes)), 4),
                    "nc1": nc1[seed],
                }
                for seed, accuracy, predicted in zip(cell.seeds, found.accuracy, found.predictions, strict=True)
            ]
        return rows


def _nc1(evaluator: Evaluator, n: int | None, seed: int) -> float:
    """The textbook's NC1 of the shots after NORM pre, before any transform; NaN for one class or one shot."""
    rows = np.concatenate(evaluator.shots(n, seed))
    y = evaluator.pool.y_train[rows]
    if len(evaluator.classes) < 2 or len(rows) == len(evaluator.classes):
        return float("nan")
    shots = NORMALIZATIONS[evaluator.space.norm_pre].function(evaluator.pool.X_train[rows])
    nc1 = NC1_VARIANTS["textbook"].per_class(shots, y).mean()
    return float(f"{nc1:.6g}")


def _where(cell: Cell) -> Row:
    return {
        "fm": cell.info.fm,
        "dataset": cell.info.dataset,
        "classes": cell.classes,
        "n": cell.n or 0,
        "set": cell.info.digest[:16],
    }


# Cells of one task and space come after each other: a worker makes their products once.
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
    """Evaluate cells beside each other, in whatever order they get done.

    A worker that dies takes its own cells with it; they are evaluated again.

    Parameters
    ----------
    cells : sequence of Cell
    backend : {"sequential", "loky", "dask"}
        One after the other in this process, on this machine's cores, or on a Dask cluster.
    jobs : int
        Processes; −1 for one a core.
    address : str
        Of the Dask cluster's scheduler.
    work : callable
        What evaluates a cell.

    Raises
    ------
    ImprintError
        If the cluster can't be reached, or workers die again and again.
    """
    if backend == "sequential":
        yield from map(work, cells)
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = dict(enumerate(cells))
    deaths = 0
    with _client(address) if backend == "dask" else nullcontext():
        while left:
            try:
                with parallel_config(backend=backend, n_jobs=jobs):
                    tasks = [delayed(_numbered)(work, i, cell) for i, cell in left.items()]
                    for i, rows in Parallel(return_as="generator_unordered")(tasks):
                        del left[i]
                        deaths = 0
                        yield rows
            except TerminatedWorkerError as error:
                deaths += 1
                if deaths > _DEATHS:
                    raise ImprintError(
                        f"Workers died {deaths} times without finishing anything, perhaps for want of memory; go on "
                        "with --backend sequential or fewer --jobs. What is done is kept."
                    ) from error


def _numbered(work: Callable[[Cell], list[Row]], i: int, cell: Cell) -> tuple[int, list[Row]]:
    return i, work(cell)


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ImprintError(
            "A Dask cluster needs the package distributed; install it, or use --backend loky."
        ) from error
    try:
        return Client(address, timeout="5s")
    except (OSError, ValueError) as error:
        raise ImprintError(
            f"No Dask scheduler answers at '{address[:80]}'; give its address as --address tcp://host:8786."
        ) from error


def read_table(path: Path) -> list[Row]:
    """The rows of a sweep's table; none where there is no file.

    Raises
    ------
    ImprintError
        If the file is no table of a sweep, or of another version.
    """
    if not path.exists():
        return []
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise ImprintError(f"'{path.name}' is no Parquet file that can be read; give another --out.") from error
    version = (schema.metadata or {}).get(b"imprint", b"").decode()
    if version != VERSION or not schema.equals(SCHEMA):
        what = f"a table of version {version[:20]}" if version else "no table of a sweep"
        raise ImprintError(
            f"'{path.name}' is {what}, and this program writes version {VERSION}; move it away or give another --out."
        )
    return list(pq.read_table(path).to_pylist())


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write the table, sorted, whole or not at all."""
    ordered = sorted(rows, key=lambda row: tuple(row[name] for name in _KEY))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ordered, schema=SCHEMA), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def sweep(
    cells: Sequence[Cell],
    out: Path,
    tell: Callable[[int, int], None] = lambda done, runs: None,
    **how: Any,
) -> list[Row]:
    """Evaluate what the table at `out` doesn't hold yet, and write it there as it comes.

    Parameters
    ----------
    cells : sequence of Cell
    out : Path
        Of the Parquet file; rows that are there for the same embeddings stay.
    tell : callable
        Takes how many of the runs there are, and how many there will be.
    **how
        Of `run_cells`.

    Returns
    -------
    list of dict
        Every row of the table.
    """
    found = {_key_of(row): row for row in read_table(out)}
    wanted = [left for cell in cells if (left := without(cell, _done(cell, found))) is not None]
    runs, to_do = sum(cell.runs for cell in cells), sum(cell.runs for cell in wanted)
    done, saved = runs - to_do, time.monotonic()
    tell(done, runs)
    try:
        for rows in run_cells(wanted, **how):
            found |= {_key_of(row): row for row in rows}
            done += len(rows)
            tell(done, runs)
            if time.monotonic() - saved > _SAVE:
                write_table(out, found.values())
                saved = time.monotonic()
    finally:
        # However it ends: what is done is kept.
        if wanted:
            write_table(out, found.values())
    return list(found.values())


def _key_of(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _KEY)


def _done(cell: Cell, found: dict[tuple[Any, ...], Row]) -> set[tuple[Recipe, int]]:
    """Which pairs of a recipe and a seed the table has, for the very embeddings of the cell."""
    where = _where(cell)
    keys = {
        (recipe, seed): (where["fm"], where["dataset"], where["classes"], where["n"], recipe.digest[:16], seed)
        for recipe in cell.recipes
        for seed in cell.seeds
    }
    return {pair for pair, key in keys.items() if key in found and found[key]["set"] == where["set"]}
