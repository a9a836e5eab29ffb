"""Runs per second of a sweep and of a plain loop over the estimator.

python -m benchmarks.sweep [--fm squeezenet1_1 --task mnist --n 100]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from imprint_core.embeddings import find_sets, open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS
from imprint_core.sweeps.grid import cells, read_grid
from imprint_core.sweeps.runner import sweep
from imprint_core.sweeps.sweep_table import TaskKey


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
    possible, _ = cells(grid, sets)
    runs = sum(cell.runs for cell in possible)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        # Includes the start of the processes.
        table = sweep(possible, Path(folder) / "table.parquet")
        seconds = time.perf_counter() - start
    # Every seventh run is enough to measure the loop.
    part = [(cell, recipe, seed) for cell in possible for recipe in cell.recipes for seed in cell.seeds][::7]
    opened = {info.path: open_set(info) for info in {cell.info.path: cell.info for cell in possible}.values()}
    start, largest_gap = time.perf_counter(), 0.0
    for cell, recipe, seed in part:
        info = cell.info
        split = Experiment(info, cell.classes, cell.n, recipe, (seed,)).split(embeddings=opened[info.path])
        model = ImprintingClassifier.from_recipe(recipe, random_state=seed).fit(split.X_train, split.y_train)
        accuracy = 100 * model.score(split.X_test, split.y_test)
        stored = table.runs(TaskKey(info.fm, info.dataset, cell.classes, cell.n or 0), recipe)
        largest_gap = max(largest_gap, abs(accuracy - stored.values["accuracy"][stored.seeds.index(seed)]))
    rate, loop_rate = runs / seconds, len(part) / (time.perf_counter() - start)
    print(f"{runs:,} runs on {os.cpu_count()} cores")
    print(f"sweep: {seconds:.1f} s, {rate:.0f} runs/s; plain loop: {loop_rate:.1f} runs/s over {len(part)} runs")
    print(f"speed-up {rate / loop_rate:.1f}; largest difference in accuracy {largest_gap:.2f} points")


if __name__ == "__main__":
    main()
