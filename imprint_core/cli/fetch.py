"""`fetch`: weights and data ahead of going offline."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import BinaryIO

from imprint_core.cli.options import add_data_root
from imprint_core.datasets import DATASETS, dataset
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.paths import weights_folder

HELP = "get weights and data ahead of going offline"
DESCRIPTION = """\
Make sure that foundation models and datasets are on this machine, downloading what isn't, so that `embed` and the app
work later without a network. Downloads are checked by the libraries; what is there already is left alone. With
--weights, a local file is checked against one FM and copied to where the app finds it.
"""
EPILOG = f"""\
examples:
  python -m imprint_core fetch --fm resnet18 vit_b_16 --dataset mnist cifar10
  python -m imprint_core fetch --fm swin_b --weights swin_b.pth

Weights of your own are kept in {weights_folder()} (IMPRINT_WEIGHTS moves it).
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--fm", nargs="+", default=[], metavar="NAME", help=f"foundation models: {', '.join(FOUNDATION_MODELS)}, …"
    )
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help=f"datasets: {', '.join(DATASETS)}")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="a local state dict for the one FM named")
    # As the app's own processes are started.
    for option in ("--low-priority", "--quiet"):
        parser.add_argument(option, action="store_true", help=argparse.SUPPRESS)
    add_data_root(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch."""
    if not options.fm and not options.dataset:
        raise ImprintError("There is nothing to fetch; name foundation models with --fm or datasets with --dataset.")
    if options.weights and len(options.fm) != 1:
        raise ImprintError("--weights is a file of one foundation model; name that one with --fm.")
    models = [foundation_model(name) for name in options.fm]
    datasets = [dataset(name) for name in options.dataset]
    if options.low_priority and hasattr(os, "nice"):
        os.nice(10)
    from imprint_core.models.download import download_weights
    from imprint_core.models.loading import load_model, save_weights

    for fm in models:
        if options.quiet and not options.weights:
            download_weights(fm)
            continue
        if options.weights:
            with open_weights(options.weights) as file:
                save_weights(fm, file, options.weights.suffix)
        model = load_model(fm)
        print(f"{fm.label}: ready ({model.weights_file or 'official weights'}, {model.weights_digest[:12]})")
    for data in datasets:
        splits = data.read(options.data_root)
        print(
            f"{splits.label or data.label}: ready ({len(splits.train.labels):,} training and "
            f"{len(splits.test.labels):,} test images)"
        )
    return 0


def open_weights(path: Path) -> BinaryIO:
    """Open a local file of weights."""
    try:
        return path.open("rb")
    except OSError as error:
        raise ImprintError(
            f"The weights file '{path}' does not exist. Give an existing .safetensors or .pth file."
        ) from error
