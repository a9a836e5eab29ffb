"""`maps`: compute base maps of an embedding set and keep them."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from imprint_core.embeddings import SetInfo, find_sets
from imprint_core.embeddings.store import read_info
from imprint_core.errors import ImprintError
from imprint_core.framework.normalization import NORMALIZATIONS
from imprint_core.maps.layouts import LAYOUT_GRID, Layout
from imprint_core.maps.store import DEFAULT_LAYOUTS
from imprint_core.paths import user_folder

HELP = "compute base maps of an embedding set"
DESCRIPTION = """\
Compute the pictures on which the app shows an embedding set's samples and proxies, measure how far each can be
trusted, and keep them. Maps that are kept already are passed over. Without options: PCA and UMAP with its defaults,
for each normalisation. Several values of --n-neighbors and --min-dist make a map for each pair of them.
"""
EPILOG = f"""\
examples:
  python -m imprint_core maps --fm squeezenet1_1 --dataset mnist
  python -m imprint_core maps --fm squeezenet1_1 --dataset mnist --norm l2 --n-neighbors 50 --min-dist 0 0.5
  python -m imprint_core maps --fm squeezenet1_1 --dataset mnist --norm l2 --grid

They are kept in {user_folder() / "maps"} (IMPRINT_HOME moves it), and removed with their set.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    default = Layout()
    parser.add_argument("--fm", metavar="NAME", help="foundation model of the embedding set")
    parser.add_argument("--dataset", metavar="NAME", help="dataset of the embedding set")
    parser.add_argument("--set", type=Path, metavar="FILE", help="the set's .safetensors, instead of both")
    parser.add_argument("--norm", choices=NORMALIZATIONS, help="normalisation of the embeddings (default: each)")
    parser.add_argument(
        "--n-neighbors",
        type=int,
        nargs="+",
        metavar="N",
        help=f"UMAP's neighbours of each sample (default: {default.n_neighbors})",
    )
    parser.add_argument(
        "--min-dist",
        type=float,
        nargs="+",
        metavar="D",
        help=f"how near each other UMAP puts samples (default: {default.min_dist})",
    )
    parser.add_argument("--seed", type=int, metavar="SEED", help=f"of UMAP's random choices (default: {default.seed})")
    parser.add_argument(
        "--grid", action="store_true", help="the maps of the app's small multiples, beside what else is asked for"
    )
    parser.add_argument(
        "--layout",
        nargs="+",
        default=[],
        metavar="LAYOUT",
        help=f"layouts in one word, {default.key} or pca, beside what else is asked for",
    )
    parser.add_argument(
        "--low-priority", action="store_true", help="let other processes go first, as the app does with its own jobs"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but what went wrong")


def run(options: argparse.Namespace) -> int:
    """Compute maps."""
    info, layouts = _set(options), _layouts(options)
    from tqdm import tqdm

    from imprint_core.maps.jobs import make_maps

    if options.low_priority and hasattr(os, "nice"):
        os.nice(10)
    if any(layout.method == "umap" for layout in layouts):
        spare_the_index()
    for norm in [options.norm] if options.norm else NORMALIZATIONS:
        label = f"{info.path.stem}, NORM {NORMALIZATIONS[norm].label}"
        bar = tqdm(total=100, bar_format="{percentage:3.0f}%|{bar:30}| {desc}", disable=options.quiet)

        def show(stage: str, share: float, bar: tqdm[None] = bar, label: str = label) -> None:
            bar.set_description_str(f"{label}: {stage}", refresh=False)
            bar.update(round(100 * share) - bar.n)

        with bar:
            make_maps(info, norm, layouts, show)
            show("kept", 1.0)
    return 0


def spare_the_index() -> None:
    """Import the index that UMAP imports without compiling it: no map uses it, and the first time it takes long.

    For processes that make nothing but maps; in others that index would be very slow.
    """
    config: Any = import_module("numba").config
    before = config.DISABLE_JIT
    config.DISABLE_JIT = True
    try:
        # Another version of UMAP may do without.
        with suppress(ImportError):
            import_module("pynndescent")
    finally:
        config.DISABLE_JIT = before


def _set(options: argparse.Namespace) -> SetInfo:
    if options.set:
        return read_info(options.set.expanduser())
    sets, _ = find_sets()
    if (options.fm, options.dataset) not in sets:
        raise ImprintError(
            f"{options.fm or 'No foundation model'} has no embedding set of '{options.dataset or 'no dataset'}'; "
            "give --fm and --dataset of one that `sets list` shows."
        )
    return sets[options.fm, options.dataset]


def _layouts(options: argparse.Namespace) -> list[Layout]:
    """The layouts asked for, each once, in order."""
    default = Layout()
    asked = [Layout.of(key).canonical() for key in options.layout]
    if options.n_neighbors or options.min_dist or options.seed is not None:
        pairs = product(options.n_neighbors or [default.n_neighbors], options.min_dist or [default.min_dist])
        seed = default.seed if options.seed is None else options.seed
        asked += [Layout("umap", n, dist, seed) for n, dist in pairs]
    if options.grid:
        asked += LAYOUT_GRID
    return list(dict.fromkeys(asked or DEFAULT_LAYOUTS))
