"""How many configurations a second a sweep evaluates, against a plain loop over the same estimator, in one run.

python -m benchmarks.sweep [--fm squeezenet1_1 --task mnist --n 100]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.task import Task
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import cells, read_grid
from imprint_core.sweeps.runner import recipe_text, sweep


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fm", default="squeezenet1_1")
    parser.add_argument("--task", nargs="+", default=["mnist", "fashion_mnist", "cifar10"])
    parser.add_argument("--n", type=int, nargs="+", default=[20, 100, 200])
    options = parser.parse_args()
    ks = [1, 2, 3, 5, 10, 20]
    grid = read_grid(
        {
            "fm": options.fm,
            "task": options.task,
            "n": options.n,
            "recipe": [
                *PRESETS,
                {"gen": ["kmeans", "kmedoids", "random"], "k": ks, "norm_post": ["none", "l2"], "agg": ["max", "mnn"]},
            ],
            "seeds": 3,
        }
    )
    sets, _ = find_sets(bundled_folder())
    wanted, _ = cells(grid, sets)
    runs = sum(cell.runs for cell in wanted)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        # With the start of its processes.
        table = sweep(wanted, Path(folder) / "table.parquet")
        ours = time.perf_counter() - start
    # A part of them is enough to know the loop's rate: every seventh.
    start, done, off = time.perf_counter(), 0, 0.0
    opened = {info.path: open_set(info) for info in {c.info.path: c.info for c in wanted}.values()}
    configurations = [(c, r, s) for c in wanted for r in c.recipes for s in c.seeds][::7]
    rows = table.rows.to_pylist()
    found = {(row["dataset"], row["n"], row["recipe"], row["seed"]): row["accuracy"] for row in rows}
    for cell, recipe, seed in configurations:
        split = Task(cell.info.fm, cell.info.dataset, cell.classes, cell.n, seed).split(opened[cell.info.path])
        model = ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(split.X_train, split.y_train)
        accuracy = 100 * model.score(split.X_test, split.y_test)
        off = max(off, abs(accuracy - found[cell.info.dataset, cell.n or 0, recipe_text(recipe), seed]))
        done += 1
    loop = time.perf_counter() - start
    print(f"{runs:,} configurations on {os.cpu_count()} cores")
    print(
        f"sweep: {ours:.1f} s, {runs / ours:.0f} a second; plain loop: {done / loop:.1f} a second over {done} of them"
    )
    print(f"{runs / ours / (done / loop):.1f} times as many; accuracies differ by {off:.2f} points at most")


if __name__ == "__main__":
    main()
