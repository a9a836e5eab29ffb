"""`sweep`: a grid of recipes, tasks and seeds into one table."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from imprint_core.cli.options import count
from imprint_core.errors import ImprintError
from imprint_core.paths import sweeps_folder
from imprint_core.sweeps.grid import GRIDS, Cell

HELP = "evaluate a grid of recipes, tasks and seeds into a Parquet table"
DESCRIPTION = """\
Evaluate every recipe of a grid on every task with every seed and write a row for each. The table is whole at any
moment; stopped, or killed, the same command goes on from what it holds. A grid is a JSON file, or the name of a
ready-made one:
  {"fm": "all", "task": ["mnist", "cifar10-odd"], "n": [5, 20, "all"], "seeds": 3,
   "recipe": ["qi", {"preset": "own", "k": [1, 5, 20]}, {"gen": "kmedoids", "norm_post": ["none", "l2"]}]}
"""
EPILOG = f"""\
ready-made grids: {", ".join(GRIDS)}

examples:
  imprint sweep bundled --skip-impossible
  imprint sweep grid.json --out results.parquet --backend dask --address tcp://127.0.0.1:8786
"""
# More runs than this are told and not begun without --yes.
_MANY = 200_000


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("grid", metavar="GRID", help="a JSON file, or the name of a ready-made grid")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the Parquet table (default: one of the grid's name that the app finds)",
    )
    parser.add_argument(
        "--backend", choices=("sequential", "loky", "dask"), default="loky", help="where (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=count, metavar="N", help="processes of loky (default: one a core)")
    parser.add_argument("--address", default="", metavar="URL", help="of a Dask cluster's scheduler")
    parser.add_argument("--skip-impossible", action="store_true", help="leave out what can't be evaluated, and say so")
    parser.add_argument("--dry-run", action="store_true", help="say how much it is, and stop")
    parser.add_argument("--yes", action="store_true", help="begin even where it is very much")


def run(options: argparse.Namespace) -> int:
    """Sweep."""
    from imprint_core.embeddings import find_sets
    from imprint_core.sweeps.grid import cells, read_grid
    from imprint_core.sweeps.runner import sweep

    out = options.out or sweeps_folder() / f"{Path(options.grid).stem}.parquet"
    if options.out is None:
        out.parent.mkdir(parents=True, exist_ok=True)
    elif not out.parent.is_dir():
        raise ImprintError(f"There is no folder {out.parent}; make it, or choose another with --out.")
    if options.backend == "dask" and not options.address:
        raise ImprintError("--backend dask needs the --address of a scheduler, such as tcp://127.0.0.1:8786.")
    wanted, skipped = cells(read_grid(options.grid), find_sets()[0])
    if skipped:
        told = "; ".join(skipped[:3]) + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
        if not options.skip_impossible:
            raise ImprintError(
                f"{len(skipped)} parts of the grid can't be evaluated: {told} --skip-impossible leaves them out."
            )
        print(f"Left out, {len(skipped)}: {told}")
    runs = sum(cell.runs for cell in wanted)
    if not runs:
        raise ImprintError("Nothing of the grid can be evaluated; choose other tasks or fewer shots.")
    print(f"{runs:,} runs in {len(wanted):,} groups, {_estimate(wanted)}", flush=True)
    if options.dry_run:
        return 0
    if runs > _MANY and not options.yes:
        raise ImprintError(f"{runs:,} runs are very many; make the grid smaller, or begin all the same with --yes.")
    began, last = time.monotonic(), [0.0]

    def tell(done: int, all_runs: int) -> None:
        now = time.monotonic()
        if now - last[0] > 2 or done == all_runs:
            last[0] = now
            print(f"{done:,} of {all_runs:,} runs, {now - began:.0f} s", flush=True)

    table = sweep(wanted, out, tell, backend=options.backend, jobs=options.jobs or -1, address=options.address)
    print(f"Wrote {out}: {table.rows.num_rows:,} rows")
    return 0


def _estimate(wanted: list[Cell]) -> str:
    """How long it may take, from a small part of it that is evaluated for that."""
    from dataclasses import replace

    from imprint_core.sweeps.runner import evaluate_cell

    middle = sorted(wanted, key=lambda cell: cell.info.meta["samples"]["train"]["count"] * (cell.n or 1000))
    cell = middle[len(middle) // 2]
    part = replace(cell, recipes=cell.recipes[:1], seeds=cell.seeds[:1])
    start = time.perf_counter()
    evaluate_cell(part)
    seconds = (time.perf_counter() - start) * len(wanted)
    return (
        f"at least {seconds / 60:.0f} minutes on one core" if seconds > 90 else f"at least {seconds:.0f} s on one core"
    )
