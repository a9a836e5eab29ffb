import json

import pytest

from imprint_core.errors import ImprintError
from imprint_core.evaluation.task import SEEDS
from imprint_core.models import ridge_of
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import GRIDS, Cell, cells, read_grid


def test_lists_become_all_combinations_without_duplicates():
    grid = read_grid(
        {"recipe": ["qi", {"gen": "kmedoids", "k": [1, 5], "norm_post": ["none", "l2"]}, {"preset": "qi", "k": 7}]}
    )
    # GEN mean has no k, so the last recipe is a duplicate of the first.
    assert len(grid.recipes) == 5
    assert (grid.fms, grid.tasks, grid.shots, grid.seeds) == (None, None, (None,), SEEDS[:3])


@pytest.mark.parametrize("name", GRIDS)
def test_ready_made_grids_have_cells_on_the_bundled_sets(bundled, name):
    possible, skipped = cells(read_grid(name), bundled)
    assert possible
    assert all(isinstance(cell, Cell) and cell.runs for cell in possible)
    assert all("no class has" in reason or "no embedding set" in reason for reason in skipped)
    assert json.loads(json.dumps(GRIDS[name])) == GRIDS[name]


def test_the_papers_first_section_has_its_methods_norms_and_tasks(bundled):
    grid = read_grid("paper-5.1")
    assert len(grid.tasks) == 12
    recipes = [entry.recipe for entry in grid.recipes]
    assert {r.gen for r in recipes} >= {"mean", "kmeans", "kmedoids", "cov_max", "random", "fps", "all", "ls"}
    assert {r.norm_post for r in recipes} == {"none", "l2", "quantile_published"}
    assert not [r for r in recipes if r.agg == "max" and r.norm_pre == "l2" and r.norm_inf == "none"]
    assert {r.m for r in recipes if r.agg == "mnn"} >= {1, 3, 5, 20, 50}
    possible, _ = cells(grid, bundled)
    assert {(cell.info.dataset, cell.classes) for cell in possible} == set(grid.tasks)


def test_a_cell_has_one_space_and_the_fms_lambda(bundled):
    grid = read_grid(
        {"fm": "vit_tiny_patch16_224", "task": "digits", "recipe": ["oracle", "own", "whitened"], "seeds": [7]}
    )
    possible, skipped = cells(grid, bundled)
    assert not skipped
    assert sorted(len(cell.recipes) for cell in possible) == [1, 1, 1]
    oracle = next(r for cell in possible for r in cell.recipes if r.gen == "ls")
    assert oracle.lam == ridge_of("vit_tiny_patch16_224")
    fixed = read_grid({"fm": "resnet50", "task": "digits", "recipe": {"preset": "oracle", "lam": [0.5, 2.0]}})
    assert {r.lam for cell in cells(fixed, bundled)[0] for r in cell.recipes} == {0.5, 2.0}
    assert PRESETS["own"].recipe in next(cell for cell in possible if cell.recipes[0].gen == "kmeans").recipes


def test_impossible_parts_have_a_reason_each(bundled):
    grid = read_grid({"fm": "resnet50", "task": ["digits:99in1", "mnist"], "n": [5, 201, "all"], "recipe": "qi"})
    possible, skipped = cells(grid, bundled)
    assert [(cell.info.dataset, cell.n) for cell in possible] == [("mnist", 5), ("mnist", None)]
    assert any("mnist:all: no class has 201 training samples; the largest has 200." in reason for reason in skipped)
    assert any("'99 in 1' can't be made of 10 classes" in reason for reason in skipped)
    _, skipped = cells(read_grid({"fm": "resnet50", "task": ["mnist", "tiny_imagenet_100"], "recipe": "qi"}), bundled)
    assert skipped == ["resnet50 has no embedding set of tiny_imagenet_100."]


@pytest.mark.parametrize(
    ("grid", "sentence"),
    [
        ({"recipe": "qi", "fmm": "all"}, "has the unknown key fmm; its keys are fm, task, n, recipe, seeds"),
        ({"fm": "all"}, "lacks the key recipe"),
        ({"recipe": "quo"}, "'quo' is not a preset (qi"),
        ({"recipe": [{"gem": "mean"}]}, "A recipe has no parameter gem; its parameters are agg"),
        ({"recipe": [{"gen": ["mean", "meen"]}]}, "meen"),
        ({"recipe": [{"k": [1, 0]}]}, "k is 0; it must be a whole number from 1 to 100,000"),
        ({"recipe": [3]}, "is not a recipe. Write a preset's name"),
        ({"recipe": "qi", "n": [0]}, "n-shot is 0; it must be a whole number from 1 to 10,000,000, or 'all'"),
        ({"recipe": "qi", "n": True}, "n-shot is True; it must be"),
        ({"recipe": "qi", "seeds": 99}, "seeds must be a number from 1 to 8 (the paper's first seeds)"),
        ({"recipe": "qi", "seeds": [1, -1]}, "The seed is -1; it must be a whole number from 0 to 4,294,967,295"),
        (
            {"recipe": {"k": list(range(1, 301)), "m": list(range(1, 301))}},
            "The number of recipes is 90000;",
        ),
        ({"recipe": "qi", "fm": [1]}, "The grid's fm must be 'all', a name, or a list of names."),
        ({"recipe": "qi", "task": [":even"]}, "is not a task"),
    ],
)
def test_bad_grids_are_one_sentence(grid, sentence):
    with pytest.raises(ImprintError) as error:
        read_grid(grid)
    assert sentence in str(error.value)


def test_missing_files_and_names_are_reported(tmp_path, bundled):
    path = tmp_path / "grid.json"
    for text in ("{", "[1]"):
        path.write_text(text)
        with pytest.raises(ImprintError, match=r"readable JSON file|not a JSON object"):
            read_grid(str(path))
    with pytest.raises(ImprintError, match=r"neither a ready-made grid \(bundled"):
        read_grid("gone.json")
    path.write_text(json.dumps({"recipe": "own", "fm": "vgg", "seeds": 1}))
    with pytest.raises(ImprintError, match=r"No embedding set of the FM vgg is available; available: resnet50"):
        cells(read_grid(str(path)), bundled)
    with pytest.raises(ImprintError, match="of the dataset nothing"):
        cells(read_grid({"recipe": "own", "task": "nothing"}), bundled)


def test_finished_recipes_are_skipped(bundled):
    (cell,) = cells(
        read_grid({"fm": "resnet50", "task": "digits", "recipe": {"k": [1, 2, 5]}, "seeds": [1, 2]}), bundled
    )[0]
    first, two, five = sorted(cell.recipes, key=lambda r: r.k)
    remaining = cell.without({(first, 1), (first, 2), (two, 1)})
    assert set(remaining.recipes) == {two, five}
    assert remaining.runs == 4
    assert cell.without({(r, s) for r in cell.recipes for s in (1, 2)}) is None
