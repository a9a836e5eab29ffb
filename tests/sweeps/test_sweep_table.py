import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.results_version import RESULTS_VERSION
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import GRIDS, cells, read_grid
from imprint_core.sweeps.run_measures import MEASURES
from imprint_core.sweeps.runner import evaluate_cell
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe, sweep_recipe
from imprint_core.sweeps.sweep_table import KEY, TABLE_VERSION, SweepTable, TaskKey, bundled_sweep, schema
from tests.collapse.naive_measures import NaiveMeasures


@pytest.fixture(scope="module")
def rows():
    return SweepTable.read(bundled_sweep()).rows.to_pylist()


@pytest.fixture(scope="module")
def table(bundled):
    return SweepTable.read(bundled_sweep(), bundled)


def test_the_bundled_table_has_the_bundled_grid(rows, table, bundled):
    possible, _ = cells(read_grid("bundled"), bundled)
    assert len(rows) == sum(cell.runs for cell in possible)
    assert not table.outdated
    # All presets and these n-shots and seeds on every bundled set.
    for info in bundled.values():
        for n in (5, 20, 100, 200):
            task = TaskKey(info.fm, info.dataset, "all", n)
            if n > info.meta["samples"]["train"]["per_class_most"]:
                assert task not in table.tasks
                continue
            for preset in PRESETS.values():
                assert len(table.runs(task, sweep_recipe(preset.recipe).for_fm(info.fm)).seeds) >= 3
    assert GRIDS["bundled"]["n"] == [5, 20, 100, 200]
    assert set(table.recipes) == set(read_grid("bundled").recipes)


def test_rows_of_the_bundled_table_are_reproduced(rows, bundled):
    grid = read_grid({**GRIDS["bundled"], "fm": "vit_tiny_patch16_224", "task": "digits", "n": 20})
    known = {tuple(row[k] for k in KEY): row for row in rows}
    for cell in cells(grid, bundled)[0]:
        for row in evaluate_cell(cell):
            old = known[tuple(row[k] for k in KEY)]
            # Another processor may round a sample to another side.
            assert row["accuracy"] == pytest.approx(old["accuracy"], abs=0.4)
            assert row["nc1"] == pytest.approx(old["nc1"], rel=1e-3)
            assert row["set"] == old["set"]


def test_nc1_is_that_of_the_textbook(table, bundled):
    info = bundled["vit_tiny_patch16_224", "digits"]
    pool = choose_classes(open_set(info))
    runs = table.runs(TaskKey(info.fm, info.dataset, "all", 20), PRESETS["qi"].recipe)
    evaluator = Evaluator(pool, PRESETS["qi"].recipe.space)
    for seed, value in zip(runs.seeds, runs.values["nc1"], strict=True):
        shots = np.concatenate(evaluator.shots(20, seed))
        assert value == pytest.approx(NaiveMeasures(l2(pool.X_train[shots]), pool.y_train[shots]).nc1(), rel=1e-3)


def test_scores_are_medians_on_the_tasks_with_all_recipes(table, rows):
    recipes = [sweep_recipe(PRESETS[name].recipe) for name in ("own", "oracle")]
    scores = table.scores(recipes, table.tasks, "macro_f1")
    assert set(scores.tasks) == set(table.tasks)
    task = TaskKey("resnet50", "mnist", "odd", 100)
    values = [row["macro_f1"] for row in rows if (*(row[k] for k in KEY[:5]),) == (*task, "own")]
    assert len(values) == 5
    assert scores.values[scores.tasks.index(task), 0] == pytest.approx(np.median(values))
    missing = table.scores([sweep_recipe(Recipe(k=49))], table.tasks)
    assert missing.values.shape == (0, 1)


def test_rows_of_other_embeddings_are_counted_and_not_used(rows, bundled):
    few = [row for row in rows if row["fm"] == "resnet50"][:6]
    changed = [{**row, "set": "0" * 16} for row in few[:2]]
    assert SweepTable(SweepTable.from_rows([*changed, *few[2:]]).rows, bundled).outdated == 2
    assert SweepTable(SweepTable.from_rows(changed).rows, {}).outdated == 2
    assert SweepTable.from_rows(changed).outdated == 0
    assert set(MEASURES) == {"accuracy", "macro_f1", "nc1"}


def test_files_that_are_not_a_table_of_this_version(tmp_path):
    path = tmp_path / "t.parquet"
    assert SweepTable.read(path).rows.num_rows == 0
    path.write_text("not Parquet")
    with pytest.raises(ImprintError, match="not a readable Parquet file"):
        SweepTable.read(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ImprintError, match="is not a sweep table"):
        SweepTable.read(path)

    def write(**metadata):
        pq.write_table(pa.Table.from_pylist([], schema=schema().with_metadata(metadata)), path)

    write(imprint="2", results=RESULTS_VERSION)
    with pytest.raises(ImprintError, match="a sweep table of version 2; the current version is 3"):
        SweepTable.read(path)
    write(imprint=TABLE_VERSION, results="old")
    with pytest.raises(ImprintError, match=r"t\.parquet holds results of version old; this is"):
        SweepTable.read(path)
    write(imprint=TABLE_VERSION)
    with pytest.raises(ImprintError, match="holds results of version None"):
        SweepTable.read(path)
    write(imprint=TABLE_VERSION, results=RESULTS_VERSION)
    assert SweepTable.read(path).rows.num_rows == 0


def test_presets_in_stored_texts_keep_their_meaning():
    """A stored text refers to presets: increase TABLE_VERSION if one of them changes."""
    assert {name: PRESETS[name].recipe.canonical() for name in ("qi", "hosoda", "janson", "own", "whitened")} == {
        "qi": Recipe("mean", 1, "l2", "l2", "l2", "max"),
        "hosoda": Recipe("mean", 1, "none", "quantile_published", "none", "max"),
        "janson": Recipe("mean", 1, "none", "none", "none", "mnn", m=1, ties="distance"),
        "own": Recipe("kmeans", 20, "l2", "l2", "l2", "max"),
        "whitened": Recipe("mean", 1, "none", "l2", "l2", "max", pretransform="whiten"),
    }
    assert parse_sweep_recipe("oracle lam=0.5").recipe == Recipe("ls", 1, "none", "none", "none", lam=0.5)
