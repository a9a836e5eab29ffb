"""The table of a sweep: a Parquet file with a row per recipe, task and seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imprint_core.background.threads import lazy_property
from imprint_core.embeddings import SetInfo
from imprint_core.errors import ImprintError
from imprint_core.evaluation.results_version import RESULTS_VERSION, check_version
from imprint_core.files import write_atomically
from imprint_core.framework.recipe import Recipe
from imprint_core.models import ridge_of
from imprint_core.paths import bundled_folder
from imprint_core.sweeps.run_measures import MEASURES, Floats
from imprint_core.sweeps.sweep_recipe import SweepRecipe, parse_sweep_recipe, sweep_recipe

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
# Version of the columns. Increase it with every change of `schema` or of a measure.
TABLE_VERSION = "3"


class TaskKey(NamedTuple):
    """A task without its seed; n is the number of shots per class, 0 for all training samples."""

    fm: str
    dataset: str
    classes: str
    n: int


KEY = (*TaskKey._fields, "recipe", "seed")


class Runs(NamedTuple):
    """Runs of a recipe on a task: seeds, and for each measure an array (s,) in their order."""

    seeds: tuple[int, ...]
    values: dict[str, Floats]


@dataclass(frozen=True)
class TaskScores:
    """Medians over seeds (t, q), as in the paper's tables, of recipes on the tasks that have runs of all of them.

    `test_samples` are the numbers (t,) of test samples.
    """

    tasks: tuple[TaskKey, ...]
    values: Floats
    test_samples: tuple[int, ...]


def schema() -> pa.Schema:
    """Columns of the table, with their version and that of the results as metadata."""
    import pyarrow as pa

    text, integer = pa.string(), pa.int32()
    columns = {"fm": text, "dataset": text, "classes": text, "n": integer, "recipe": text, "seed": pa.int64()}
    columns |= {"set": text, "shots": integer, "test_samples": integer} | dict.fromkeys(MEASURES, pa.float64())
    return pa.schema(list(columns.items()), metadata={"imprint": TABLE_VERSION, "results": RESULTS_VERSION})


def bundled_sweep() -> Path:
    """Path of the table that comes with the bundled sets, made by `sweep bundled`."""
    return bundled_folder() / "sweep.parquet"


class SweepTable:
    """Runs of a sweep by task and recipe.

    Parameters
    ----------
    rows : pyarrow.Table
        With the columns of `schema`.
    sets : mapping, optional
        Available embedding sets. Rows of other embeddings are left out.

    Attributes
    ----------
    rows : pyarrow.Table
        Sorted by `KEY`.
    outdated : int
        Number of rows that were left out.
    """

    def __init__(self, rows: pa.Table, sets: Mapping[tuple[str, str], SetInfo] | None = None) -> None:
        if sets is not None:
            digests = {key: info.digest[:16] for key, info in sets.items()}
            columns = (rows.column(name).to_pylist() for name in ("fm", "dataset", "set"))
            current = [digests.get((fm, data)) == digest for fm, data, digest in zip(*columns, strict=True)]
            self.outdated = current.count(False)
            rows = rows.filter(current)
        else:
            self.outdated = 0
        self.rows = rows.sort_by([(name, "ascending") for name in KEY]).combine_chunks()

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> SweepTable:
        """The table of these rows."""
        import pyarrow as pa

        return cls(pa.Table.from_pylist(list(rows), schema=schema()))

    @classmethod
    def read(cls, path: Path, sets: Mapping[tuple[str, str], SetInfo] | None = None) -> SweepTable:
        """Read a file; a missing one is an empty table.

        Raises
        ------
        ImprintError
            If the file is not the table of a sweep, or of another version.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path.exists():
            return cls.from_rows([])
        try:
            stored = pq.read_schema(path)
            metadata = {key.decode(): value.decode() for key, value in (stored.metadata or {}).items()}
            if "imprint" not in metadata:
                raise ImprintError(f"'{path.name}' is not a sweep table.")
            if metadata["imprint"] != TABLE_VERSION or not stored.equals(schema()):
                raise ImprintError(
                    f"'{path.name}' is a sweep table of version {metadata['imprint'][:20]}; the current version is "
                    f"{TABLE_VERSION}."
                )
            check_version(path, metadata.get("results"))
            return cls(pq.read_table(path), sets)
        except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
            raise ImprintError(f"'{path.name}' is not a readable Parquet file.") from error

    def write(self, path: Path) -> None:
        """Write the file completely or not at all; the same rows always give the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(self.rows, sink, compression="zstd")
        write_atomically(path, sink.getvalue().to_pybytes())

    @lazy_property
    def _runs(self) -> dict[tuple[TaskKey, Recipe], Runs]:
        columns = [self.rows.column(name).to_pylist() for name in KEY]
        values = {name: self.rows.column(name).to_numpy() for name in MEASURES}
        recipes = {text: parse_sweep_recipe(text).recipe for text in dict.fromkeys(columns[4])}
        runs, start = {}, 0
        for (*task, text), group in groupby(zip(*columns[:5], strict=True)):
            stop = start + len(list(group))
            rows = slice(start, stop)
            runs[TaskKey(*task), recipes[text]] = Runs(
                tuple(columns[5][rows]), {name: column[rows] for name, column in values.items()}
            )
            start = stop
        return runs

    @lazy_property
    def _test_samples(self) -> dict[TaskKey, int]:
        columns = (self.rows.column(name).to_pylist() for name in TaskKey._fields)
        tasks = (TaskKey(*values) for values in zip(*columns, strict=True))
        return dict(zip(tasks, self.rows.column("test_samples").to_pylist(), strict=True))

    @lazy_property
    def tasks(self) -> tuple[TaskKey, ...]:
        """Tasks of the table."""
        return tuple(dict.fromkeys(task for task, _ in self._runs))

    @lazy_property
    def recipes(self) -> tuple[SweepRecipe, ...]:
        """Recipes of the table; λ is fixed where it is not the FM's."""
        return tuple(
            dict.fromkeys(
                sweep_recipe(recipe, fixed_lam=recipe.lam != ridge_of(task.fm)) for task, recipe in self._runs
            )
        )

    def runs(self, task: TaskKey, recipe: Recipe) -> Runs | None:
        """Runs of a recipe, with its own λ, on a task; None if the table has none."""
        return self._runs.get((task, recipe.canonical()))

    def scores(self, recipes: Sequence[SweepRecipe], tasks: Iterable[TaskKey], measure: str = "accuracy") -> TaskScores:
        """Medians over seeds on those tasks that have runs of all recipes."""
        complete, medians = [], []
        for task in tasks:
            runs = [self.runs(task, recipe.for_fm(task.fm)) for recipe in recipes]
            if all(run is not None for run in runs):
                complete.append(task)
                medians.append([float(np.median(run.values[measure])) for run in runs if run is not None])
        values = np.array(medians, dtype=np.float64).reshape(len(complete), len(recipes))
        return TaskScores(tuple(complete), values, tuple(self._test_samples[task] for task in complete))

    def to_csv(self, tasks: Iterable[TaskKey]) -> bytes:
        """The rows of these tasks as CSV."""
        import pyarrow as pa
        import pyarrow.csv as pv

        selected = set(tasks)
        columns = (self.rows.column(name).to_pylist() for name in TaskKey._fields)
        sink = pa.BufferOutputStream()
        pv.write_csv(self.rows.filter([key in selected for key in zip(*columns, strict=True)]), sink)
        return bytes(sink.getvalue().to_pybytes())
