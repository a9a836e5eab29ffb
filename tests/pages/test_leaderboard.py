"""The Leaderboard page without a browser: its numbers against the core."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from imprint_core.evaluation.ranking import rank
from imprint_core.paths import sweeps_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.auto_survey import bundled_path, check_auto
from imprint_core.sweeps.auto_survey import read as read_survey
from imprint_core.sweeps.grid import GRIDS, cells, read_grid
from imprint_core.sweeps.paper_findings import check_findings
from imprint_core.sweeps.runner import sweep
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe, sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable, bundled_sweep
from tests.conftest import ROOT
from tests.pages.reading import page_text, pictures, read
from ui.compute.progressive import point_cache


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    point_cache().clear()
    return tmp_path / "home"


@pytest.fixture(scope="module")
def table(bundled):
    return SweepTable.read(bundled_sweep(), bundled)


def opened(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200)
    for name, value in {"fm": "vit_tiny_patch16_224", "data": "digits", "n": "20", **query}.items():
        app.query_params[name] = value
    app.session_state["goto"] = "leaderboard"
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(("query", "whole"), [({}, False), ({"board_n": "200", "board_tasks": "whole"}, True)])
def test_numbers_are_the_cores(table, query, whole):
    app = opened(**query)
    n = int(query.get("board_n", 100))
    tasks = [w for w in table.tasks if w.n == n and (not whole or w.classes == "all")]
    scores = table.scores([sweep_recipe(p.recipe) for p in PRESETS.values()], tasks)
    ranking = rank(scores.values)
    text = read(app)
    assert f"Accuracy over {len(scores.tasks)} tasks at {n} shots per class" in text
    for m, preset in enumerate(PRESETS.values()):
        row = f"| **{preset.label}** | {ranking.mean[m]:.1f} ± {ranking.std[m]:.1f} % | {ranking.ranks[m]:.2f} "
        assert row + f"| {ranking.wins[m]} |" in text
    figure = json.loads(pictures(app)["critical-difference"]["figure"])
    np.testing.assert_allclose(sorted(figure["data"][0]["x"]), sorted(ranking.ranks))
    assert len(figure["data"]) == 1 + len(ranking.groups)
    assert f"p = {ranking.friedman:.2g}" in text
    # The paper's Table 1 beside ours.
    assert "| 91.06 % | 2.00 |" in text
    medians = app.dataframe[0].value
    np.testing.assert_allclose(medians.iloc[:, 4:].to_numpy(), scores.values.round(2))
    rows = table.rows.to_pylist()
    for task, count in zip(scores.tasks, medians["test samples"], strict=True):
        assert count == next(r["test_samples"] for r in rows if tuple(r[f] for f in task._fields) == task)


def test_findings_are_on_the_page_with_their_figures(table):
    text = page_text(opened(board_n="200"))
    findings = check_findings(table, table.tasks, 200)
    auto = check_auto(read_survey(bundled_path()))
    for finding in (*findings, auto):
        assert finding.evidence in text
        assert finding.claim in text
    assert [finding.holds for finding in findings].count(True) == 5
    assert text.count("**holds here**") == 5 + auto.holds
    assert text.count("**does not hold here**") == 2 + (not auto.holds)


def test_the_choice_of_recipes_and_tasks(table):
    app = opened(methods="own,own k=1,qi norm_post=none", board_fms="resnet50", board_data="mnist", board_measure="f1")
    # What a link got wrong is said, the rest is kept.
    assert any("Measure = f1 is not available" in w.value for w in app.warning)
    app = opened(methods="own,own k=1", board_fms="resnet50", board_data="mnist", board_measure="macro_f1")
    assert not [w for w in app.warning if "ignored" in w.value]
    tasks = [w for w in table.tasks if (w.fm, w.dataset, w.n) == ("resnet50", "mnist", 100)]
    scores = table.scores([parse_sweep_recipe("own"), parse_sweep_recipe("own k=1")], tasks, "macro_f1")
    assert f"Macro-F1 over {len(scores.tasks)} tasks" in read(app)
    assert [w for w in app.warning if "Only 4 tasks" in w.value]
    assert {k: app.query_params[k] for k in ("methods", "board_fms", "board_data", "board_measure")} == {
        "methods": "own,qi gen=kmeans",
        "board_fms": "resnet50",
        "board_data": "mnist",
        "board_measure": "macro_f1",
    }
    app = opened(methods="own,vgg,own k=nine")
    assert (
        len([w for w in app.warning if "'vgg' is not a preset" in w.value and "must be a whole number" in w.value]) == 1
    )
    assert [i for i in app.info if "Select two recipes or more" in i.value]


def test_tables_of_ones_own_and_broken_ones(table, home):
    sweeps_folder().mkdir(parents=True)
    shutil.copy(bundled_sweep(), sweeps_folder() / "mine.parquet")
    (sweeps_folder() / "broken.parquet").write_bytes(b"PAR1")
    old = pq.read_table(bundled_sweep())
    pq.write_table(old.replace_schema_metadata({"imprint": "1"}), sweeps_folder() / "old.parquet")
    app = opened(board="mine")
    assert not app.error
    assert "Accuracy over" in page_text(app)
    for name, why in (
        ("broken", "not a readable Parquet file"),
        ("old", "a sweep table of version 1; the current version is 3"),
    ):
        app = opened(board=name)
        assert [e for e in app.error if why in e.value.replace("\\", "")], name
    outdated = pd.read_parquet(bundled_sweep()).assign(set="0" * 16)
    assert len(SweepTable.from_rows(outdated.to_dict("records")).tasks) == len(table.tasks)


def test_what_is_downloaded_is_the_table_and_a_grid_that_is_read_again(table):
    tasks = [w for w in table.tasks if w.n == 5 and w.dataset == "digits"]
    rows = pd.read_csv(io.BytesIO(table.to_csv(tasks)))
    all_rows = table.rows.to_pylist()
    assert len(rows) == sum(row["dataset"] == "digits" and row["n"] == 5 for row in all_rows)
    assert set(rows["dataset"]) == {"digits"}
    assert set(rows["n"]) == {5}
    app = opened()
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["These tasks as CSV", "Whole table as Parquet", "Grid as JSON"]
    assert json.loads(json.dumps(GRIDS["bundled"])) == GRIDS["bundled"]


def test_a_table_of_other_recipes_offers_and_compares_its_own(bundled):
    sweeps_folder().mkdir(parents=True)
    recipes = ["gen=kmedoids k=2", "gen=kmedoids k=3", "oracle lam=0.5"]
    grid = read_grid(
        {
            "fm": ["vit_tiny_patch16_224", "resnet50"],
            "task": "digits",
            "n": 7,
            "seeds": 2,
            "recipe": [{"gen": "kmedoids", "k": [2, 3]}, {"preset": "oracle", "lam": 0.5}],
        }
    )
    table = sweep(cells(grid, bundled)[0], sweeps_folder() / "other.parquet", backend="sequential")
    app = opened(board="other", board_n="7")
    assert not app.error
    assert not app.warning or "Only 2 tasks" in app.warning[0].value
    options = [recipe.label for recipe in map(parse_sweep_recipe, recipes)]
    assert app.multiselect(key="methods").options == options
    assert app.segmented_control(key="board_n").options == ["7"]
    text = read(app)
    assert "Accuracy over 2 tasks at 7 shots per class" in text
    scores = table.scores([parse_sweep_recipe(text) for text in recipes], table.tasks)
    for label, mean in zip(options, scores.values.mean(axis=0), strict=True):
        assert f"| **{label}** | {mean:.1f} ± " in text
