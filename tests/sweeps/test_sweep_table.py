import numpy as np
import pytest

from imprint_core.embeddings import open_set
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import choose_classes
from imprint_core.framework.normalization import l2
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import GRIDS, cells, read_grid
from imprint_core.sweeps.runner import evaluate_cell, read_table
from imprint_core.sweeps.sweep_table import MEASURES, Results, Where, bundled_results, of_fm
from tests.collapse.test_measures import Book


@pytest.fixture(scope="module")
def rows():
    return read_table(bundled_results())


@pytest.fixture(scope="module")
def results(rows, bundled):
    return Results(rows, bundled)


def test_the_table_that_comes_along_is_of_the_bundled_grid(rows, results, bundled):
    found, _ = cells(read_grid("bundled"), bundled)
    assert len(rows) == sum(cell.runs for cell in found)
    assert not results.stale
    # The issue's: all presets and these k's, n's and seeds on every bundled set.
    for info in bundled.values():
        for n in (5, 20, 100, 200):
            where = Where(info.fm, info.dataset, "all", n)
            if n > info.meta["samples"]["train"]["per_class_most"]:
                assert where not in results.tasks
                continue
            for recipe in [preset.recipe for preset in PRESETS.values()]:
                assert len(results.run(where, of_fm(recipe, info.fm)).seeds) >= 3
    assert GRIDS["bundled"]["n"] == [5, 20, 100, 200]


def test_some_of_its_rows_computed_anew(rows, bundled):
    found, _ = cells(read_grid({**GRIDS["bundled"], "fm": "vit_tiny_patch16_224", "task": "digits", "n": 20}), bundled)
    key = ("fm", "dataset", "classes", "n", "recipe", "seed")
    known = {tuple(row[k] for k in key): row for row in rows}
    for cell in found:
        for row in evaluate_cell(cell):
            old = known[tuple(row[k] for k in key)]
            # Another processor may round a sample to another side.
            assert row["accuracy"] == pytest.approx(old["accuracy"], abs=0.4)
            assert row["nc1"] == pytest.approx(old["nc1"], rel=1e-3)
            assert row["set"] == old["set"]


def test_nc1_is_by_the_book(results, bundled):
    info = bundled["vit_tiny_patch16_224", "digits"]
    pool = choose_classes(open_set(info))
    run = results.run(Where(info.fm, info.dataset, "all", 20), PRESETS["qi"].recipe)
    evaluator = Evaluator(pool, PRESETS["qi"].recipe.space)
    for seed, value in zip(run.seeds, run.values["nc1"], strict=True):
        shots = np.concatenate(evaluator.shots(20, seed))
        assert value == pytest.approx(Book(l2(pool.X_train[shots]), pool.y_train[shots]).nc1(), rel=1e-3)


def test_scores_are_medians_on_the_tasks_that_have_all(results, rows):
    recipes = [PRESETS["own"].recipe, PRESETS["oracle"].recipe]
    found = results.scores(recipes, results.tasks, "macro_f1")
    assert set(found.tasks) == set(results.tasks)
    place = found.tasks.index(Where("resnet50", "mnist", "odd", 100))
    own = [
        row["macro_f1"]
        for row in rows
        if (row["fm"], row["dataset"], row["classes"], row["n"], row["gen"], row["k"], row["agg"])
        == ("resnet50", "mnist", "odd", 100, "kmeans", 20, "max")
    ]
    assert found.values[place, 0] == pytest.approx(np.median(own))
    missing = results.scores([PRESETS["own"].recipe.__class__(k=49)], results.tasks)
    assert missing.values.shape == (0, 1)


def test_rows_of_other_embeddings_are_left_out_and_counted(rows, bundled):
    few = [row for row in rows if row["fm"] == "resnet50"][:6]
    changed = [{**row, "set": "0" * 16} for row in few[:2]]
    assert Results([*changed, *few[2:]], bundled).stale == 2
    assert Results(changed, {}).stale == 2
    assert Results(changed).stale == 0
    assert set(MEASURES) == {"accuracy", "macro_f1", "nc1"}
