"""`maps`: compute and save base maps of an embedding set."""

from __future__ import annotations

import argparse
from contextlib import suppress
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from imprint_core.cli.options import add_process_options, apply_priority
from imprint_core.embeddings import SetInfo
from imprint_core.embeddings.store import read_info
from imprint_core.evaluation.experiment import Experiment
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.maps.layouts import LAYOUT_GRID, Layout, set_numba_cache
from imprint_core.maps.store import DEFAULT_LAYOUTS
from imprint_core.paths import user_folder

HELP = "compute base maps of an embedding set"
DESCRIPTION = """\
Compute the 2-D maps on which the app displays an embedding set's samples and proxies, measure the trustworthiness of
each, and save them. Existing maps are skipped. Default: PCA, and UMAP with its default settings, for each
normalisation. Several values of --n-neighbors and --min-dist compute a map for each pair.
"""
EPILOG = f"""\
examples:
  imprint maps --fm squeezenet1_1 --dataset mnist
  imprint maps --fm squeezenet1_1 --dataset mnist --norm l2 --n-neighbors 50 --min-dist 0 0.5
  imprint maps --fm squeezenet1_1 --dataset mnist --norm l2 --grid

Maps are in {user_folder() / "maps"} (set IMPRINT_HOME to move it) and are removed with their set.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    default = Layout()
    parser.add_argument("--fm", metavar="NAME", help="foundation model of the embedding set")
    parser.add_argument("--dataset", metavar="NAME", help="dataset of the embedding set")
    parser.add_argument(
        "--set", type=Path, metavar="FILE", help="the set's .safetensors, instead of --fm and --dataset"
    )
    parser.add_argument("--norm", choices=NORMALIZATIONS, help="normalisation of the embeddings (default: each)")
    parser.add_argument(
        "--n-neighbors",
        type=int,
        nargs="+",
        metavar="N",
        help=f"UMAP: number of neighbours (default: {default.n_neighbors})",
    )
    parser.add_argument(
        "--min-dist",
        type=float,
        nargs="+",
        metavar="D",
        help=f"UMAP: minimum distance of samples on the map (default: {default.min_dist})",
    )
    parser.add_argument("--seed", type=int, metavar="SEED", help=f"UMAP: random seed (default: {default.seed})")
    parser.add_argument("--grid", action="store_true", help="add the maps of the app's small multiples")
    parser.add_argument(
        "--layout",
        nargs="+",
        default=[],
        metavar="LAYOUT",
        help=f"add these layouts, such as pca or {default.key}",
    )
    add_process_options(parser)


def run(options: argparse.Namespace) -> int:
    """Compute the requested maps."""
    info, layouts = _set(options), _layouts(options)
    from tqdm import tqdm

    from imprint_core.maps.jobs import compute_maps

    apply_priority(options)
    if any(layout.method == "umap" for layout in layouts):
        skip_compiling_pynndescent()
    for norm in [options.norm] if options.norm else NORMALIZATIONS:
        label = f"{info.path.stem}, NORM {NORMALIZATIONS[norm].label}"
        bar = tqdm(total=100, bar_format="{percentage:3.0f}%|{bar:30}| {desc}", disable=options.quiet)

        def show(stage: str, share: float, bar: tqdm[None] = bar, label: str = label) -> None:
            bar.set_description_str(f"{label}: {stage}", refresh=False)
            bar.update(round(100 * share) - bar.n)

        with bar:
            compute_maps(info, norm, layouts, show)
            show("saved", 1.0)
    return 0


def skip_compiling_pynndescent() -> None:
    """Import pynndescent, which UMAP imports but no map uses, without compiling it, which takes seconds.

    Only for processes that compute nothing but maps: uncompiled, pynndescent is very slow.
    """
    set_numba_cache()
    config: Any = import_module("numba").config
    before = config.DISABLE_JIT
    config.DISABLE_JIT = True
    try:
        # Other versions of UMAP may not import it.
        with suppress(ImportError):
            import_module("pynndescent")
    finally:
        config.DISABLE_JIT = before


def _set(options: argparse.Namespace) -> SetInfo:
    if options.set:
        return read_info(options.set.expanduser())
    return Experiment.from_names(options.fm or "(--fm missing)", options.dataset or "(--dataset missing)").info


def _layouts(options: argparse.Namespace) -> list[Layout]:
    """The requested layouts, without repetition, in order."""
    default = Layout()
    layouts = [Layout.from_key(key).canonical() for key in options.layout]
    if options.n_neighbors or options.min_dist or options.seed is not None:
        pairs = product(options.n_neighbors or [default.n_neighbors], options.min_dist or [default.min_dist])
        seed = default.seed if options.seed is None else options.seed
        layouts += [Layout("umap", n, dist, seed) for n, dist in pairs]
    if options.grid:
        layouts += LAYOUT_GRID
    return list(dict.fromkeys(layouts or DEFAULT_LAYOUTS))
