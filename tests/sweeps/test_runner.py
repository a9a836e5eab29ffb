import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from sklearn.metrics import f1_score

from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.sweeps.grid import cells, read_grid
from imprint_core.sweeps.runner import evaluate_cell, run_cells, sweep
from imprint_core.sweeps.sweep_recipe import parse_sweep_recipe
from imprint_core.sweeps.sweep_table import SweepTable
from tests.conftest import ROOT

SMALL = {
    "fm": ["vit_tiny_patch16_224", "squeezenet1_1"],
    "task": "digits",
    "n": [5, 20],
    "seeds": 2,
    "recipe": [
        "qi",
        {"gen": ["kmeans", "kmedoids"], "k": [1, 5], "norm_post": ["none", "l2"], "agg": ["max", "mnn"]},
        "whitened",
    ],
}


@pytest.fixture(scope="module")
def small(bundled):
    possible, skipped = cells(read_grid(SMALL), bundled)
    assert not skipped
    return possible


@pytest.fixture(scope="module")
def table(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "whole.parquet"
    sweep(small, path, backend="sequential")
    return path


def rows_of(path):
    """Rows of a table with their recipes."""
    return [(row, parse_sweep_recipe(row["recipe"]).recipe) for row in SweepTable.read(path).rows.to_pylist()]


def test_rows_are_the_estimators_results(table, bundled):
    rows = rows_of(table)
    assert len(rows) == 2 * 2 * 2 * (1 + 16 + 1)
    data = open_set(bundled["vit_tiny_patch16_224", "digits"])
    # GEN methods that do not depend on the order of shots.
    for row, recipe in [(r, p) for r, p in rows if r["fm"].startswith("vit") and p.gen in ("mean", "kmedoids")][::3]:
        split = Experiment(data.info, "all", row["n"]).split(row["seed"], data)
        model = ImprintingClassifier.from_recipe(recipe, random_state=row["seed"]).fit(split.X_train, split.y_train)
        predicted = model.predict(split.X_test)
        assert row["accuracy"] == pytest.approx(100 * np.mean(predicted == split.y_test), abs=0.2)
        assert row["macro_f1"] == pytest.approx(100 * f1_score(split.y_test, predicted, average="macro"), abs=0.3)
        assert (row["shots"], row["test_samples"]) == (len(split.y_train), len(split.y_test))


def test_processes_give_the_same_bytes(small, table, tmp_path):
    other = tmp_path / "loky.parquet"
    reports = []
    sweep(small, other, lambda done, runs: reports.append((done, runs)), backend="loky", jobs=2)
    assert other.read_bytes() == table.read_bytes()
    assert reports[0] == (0, 144)
    assert reports[-1] == (144, 144)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_stored_runs_are_not_evaluated_again(small, table, tmp_path):
    path = tmp_path / "part.parquet"
    rows = rows_of(table)
    SweepTable.from_rows(row for row, recipe in rows if recipe.gen != "kmedoids" or recipe.k == 1).write(path)
    evaluated = []

    def work(cell):
        evaluated.append(cell)
        return evaluate_cell(cell)

    sweep(small, path, backend="sequential", work=work)
    assert path.read_bytes() == table.read_bytes()
    assert {(r.gen, r.k) for cell in evaluated for r in cell.recipes} == {("kmedoids", 5)}
    evaluated.clear()
    sweep(small, path, backend="sequential", work=work)
    assert not evaluated


def test_rows_of_other_embeddings_are_evaluated_again(small, table, tmp_path):
    path = tmp_path / "old.parquet"
    SweepTable.from_rows({**row, "set": "another", "accuracy": 0.0} for row, _ in rows_of(table)).write(path)
    sweep(small, path, backend="sequential")
    assert path.read_bytes() == table.read_bytes()


def test_a_killed_sweep_resumes_to_the_same_table(table, tmp_path):
    import json

    grid, path = tmp_path / "grid.json", tmp_path / "killed.parquet"
    grid.write_text(json.dumps(SMALL))
    command = [sys.executable, "-m", "imprint_core", "sweep", str(grid), "--out", str(path), "--backend", "sequential"]
    rng = np.random.default_rng()
    for _ in range(2):
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(1.0, 3.0))
        child.send_signal(signal.SIGKILL)
        child.wait()
        # The file is complete at any time.
        assert SweepTable.read(path).rows.num_rows <= 144
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "144 rows" in finished.stdout
    assert path.read_bytes() == table.read_bytes()


def _dies_once(flag, cell):
    if not os.path.exists(flag):
        with open(flag, "w"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate_cell(cell)


def _dies(cell):
    os.kill(os.getpid(), signal.SIGKILL)


def test_only_the_cells_of_a_dead_worker_are_evaluated_again(small, table, tmp_path):
    rows = [
        row for part in run_cells(small, "loky", 2, work=partial(_dies_once, str(tmp_path / "died"))) for row in part
    ]
    assert (tmp_path / "died").exists()
    SweepTable.from_rows(rows).write(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == table.read_bytes()


def test_workers_that_always_die_end_the_sweep(small):
    with pytest.raises(ImprintError, match="Workers died 4 times"):
        list(run_cells(small[:2], "loky", 2, work=_dies))


def test_a_file_that_is_not_a_table_is_not_overwritten(small, tmp_path):
    path = tmp_path / "t.parquet"
    path.write_text("not Parquet")
    with pytest.raises(ImprintError, match=r"'t\.parquet' is not a readable Parquet file\. Move it away or choose"):
        sweep(small, path, backend="sequential")
    assert path.read_text() == "not Parquet"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gone.json"], "neither a ready-made grid"),
        (["bundled", "--backend", "dask"], "needs the --address of a scheduler"),
        (["bundled"], "can't be evaluated: "),
    ],
)
def test_the_command_reports_problems(arguments, sentence, tmp_path, capsys):
    assert main(["sweep", *arguments, "--out", str(tmp_path / "r.parquet")]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["sweep", "bundled", "--out", str(tmp_path / "none" / "r.parquet")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_a_dry_run_reports_size_and_time(tmp_path, capsys):
    out = tmp_path / "r.parquet"
    assert main(["sweep", "bundled", "--out", str(out), "--skip-impossible", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "runs in" in output
    assert "on one core" in output
    assert "Skipped" in output
    assert not out.exists()


def _slowly(cell):
    time.sleep(0.3)
    return evaluate_cell(cell)


@pytest.fixture
def cluster():
    from distributed import LocalCluster

    with LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as local:
        yield local


def test_two_dask_workers_give_the_same_table_though_one_is_killed(small, table, tmp_path, cluster):
    path = tmp_path / "dask.parquet"
    sweep(small, path, backend="dask", address=cluster.scheduler_address)
    assert path.read_bytes() == table.read_bytes()
    rows = []
    for part in run_cells(small, "dask", address=cluster.scheduler_address, work=_slowly):
        if not rows:
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        rows += part
    SweepTable.from_rows(rows).write(path)
    assert path.read_bytes() == table.read_bytes()


def test_an_unreachable_cluster_is_reported(small):
    with pytest.raises(ImprintError, match=r"No Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        list(run_cells(small, "dask", address="tcp://127.0.0.1:1"))
    with pytest.raises(ImprintError, match="No Dask scheduler answers at 'nowhere'"):
        list(run_cells(small, "dask", address="nowhere"))
