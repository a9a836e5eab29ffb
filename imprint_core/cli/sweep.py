"""`sweep`: evaluate a grid of recipes, tasks and seeds into one table."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from imprint_core.cli.options import count
from imprint_core.errors import ImprintError
from imprint_core.paths import sweeps_folder
from imprint_core.sweeps.grid import GRIDS, Cell, cells, read_grid

HELP = "evaluate a grid of recipes, tasks and seeds into a Parquet table"
DESCRIPTION = """\
Evaluate every recipe of a grid on every task with every seed and write one row for each run. The table is complete at
any time; after a stop, the same command resumes from it. A grid is a JSON file, or the name of a ready-made grid:
  {"fm": "all", "task": ["mnist", "cifar10-odd"], "n": [5, 20, "all"], "seeds": 3,
   "recipe": ["qi", {"preset": "own", "k": [1, 5, 20]}, {"gen": "kmedoids", "norm_post": ["none", "l2"]}]}
"""
EPILOG = f"""\
ready-made grids: {", ".join(GRIDS)}

examples:
  imprint sweep bundled --skip-impossible
  imprint sweep grid.json --out results.parquet --backend dask --address tcp://127.0.0.1:8786
"""
# More runs than this need --yes.
_MANY = 200_000


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("grid", metavar="GRID", help="a JSON file, or the name of a ready-made grid")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the Parquet table (default: the grid's name, in the folder that the app reads)",
    )
    parser.add_argument(
        "--backend",
        choices=("sequential", "loky", "dask"),
        default="loky",
        help="this process, this machine's cores, or a Dask cluster (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=count, metavar="N", help="processes of loky (default: one per core)")
    parser.add_argument("--address", default="", metavar="URL", help="address of a Dask cluster's scheduler")
    parser.add_argument("--skip-impossible", action="store_true", help="skip and list parts that can't be evaluated")
    parser.add_argument("--dry-run", action="store_true", help="print the number of runs and the time, and stop")
    parser.add_argument("--yes", action="store_true", help=f"start even with more than {_MANY:,} runs")


def run(options: argparse.Namespace) -> int:
    """Evaluate a grid."""
    from imprint_core.embeddings import find_sets
    from imprint_core.sweeps.runner import sweep

    out = options.out or sweeps_folder() / f"{Path(options.grid).stem}.parquet"
    if options.out is None:
        out.parent.mkdir(parents=True, exist_ok=True)
    elif not out.parent.is_dir():
        raise ImprintError(f"There is no folder {out.parent}. Create it, or choose another with --out.")
    if options.backend == "dask" and not options.address:
        raise ImprintError("--backend dask needs the --address of a scheduler, such as tcp://127.0.0.1:8786.")
    possible, skipped = cells(read_grid(options.grid), find_sets()[0])
    if skipped:
        reasons = "; ".join(skipped[:3]) + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
        if not options.skip_impossible:
            raise ImprintError(
                f"{len(skipped)} parts of the grid can't be evaluated: {reasons} --skip-impossible skips them."
            )
        print(f"Skipped, {len(skipped)}: {reasons}")
    runs = sum(cell.runs for cell in possible)
    if not runs:
        raise ImprintError("No part of the grid can be evaluated. Choose other tasks or fewer shots.")
    print(f"{runs:,} runs in {len(possible):,} groups, {_estimate(possible)}", flush=True)
    if options.dry_run:
        return 0
    if runs > _MANY and not options.yes:
        raise ImprintError(f"{runs:,} runs take very long. Make the grid smaller, or start them with --yes.")
    started, last = time.monotonic(), [0.0]

    def report(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] > 2 or done == total:
            last[0] = now
            print(f"{done:,} of {total:,} runs, {now - started:.0f} s", flush=True)

    table = sweep(possible, out, report, backend=options.backend, jobs=options.jobs or -1, address=options.address)
    print(f"Wrote {out}: {table.rows.num_rows:,} rows")
    return 0


def _estimate(possible: list[Cell]) -> str:
    """Time of all cells, estimated from one run of a cell of median size."""
    from imprint_core.sweeps.runner import evaluate_cell

    by_size = sorted(possible, key=lambda cell: cell.info.meta["samples"]["train"]["count"] * (cell.n or 1000))
    cell = by_size[len(by_size) // 2]
    start = time.perf_counter()
    evaluate_cell(replace(cell, recipes=cell.recipes[:1], seeds=cell.seeds[:1]))
    seconds = (time.perf_counter() - start) * len(possible)
    return f"at least {f'{seconds / 60:.0f} minutes' if seconds > 90 else f'{seconds:.0f} s'} on one core"
