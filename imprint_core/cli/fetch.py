"""`fetch`: download or copy weights and datasets for offline use."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import BinaryIO

from imprint_core.cli.options import add_data_root, add_process_options, apply_priority
from imprint_core.datasets import DATASETS, dataset
from imprint_core.errors import ImprintError
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.paths import weights_folder

HELP = "download or copy weights and datasets for offline use"
DESCRIPTION = """\
Download missing weights of foundation models (FMs) and missing datasets, so that `embed` and the app work without a
network. The libraries check downloads; existing files are kept. With --weights, a local file is checked against one FM
and copied to the weights folder.
"""
EPILOG = f"""\
examples:
  imprint fetch --fm resnet18 vit_b_16 --dataset mnist cifar10
  imprint fetch --fm swin_b --weights swin_b.pth

The weights folder is {weights_folder()} (set by IMPRINT_WEIGHTS).
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--fm", nargs="+", default=[], metavar="NAME", help=f"foundation models: {', '.join(FOUNDATION_MODELS)}, …"
    )
    parser.add_argument("--dataset", nargs="+", default=[], metavar="NAME", help=f"datasets: {', '.join(DATASETS)}")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="local state dict of the FM")
    add_process_options(parser, hidden=True)
    add_data_root(parser)


def run(options: argparse.Namespace) -> int:
    """Fetch weights and datasets."""
    if not options.fm and not options.dataset:
        raise ImprintError("Nothing to fetch. Give foundation models with --fm or datasets with --dataset.")
    if options.weights and len(options.fm) != 1:
        raise ImprintError("--weights needs one foundation model. Give it with --fm.")
    models = [foundation_model(name) for name in options.fm]
    datasets = [dataset(name) for name in options.dataset]
    apply_priority(options)
    from imprint_core.models.download import download_weights
    from imprint_core.models.loading import load_model
    from imprint_core.models.saved_weights import save_weights

    for fm in models:
        if options.quiet and not options.weights:
            download_weights(fm)
            continue
        if options.weights:
            with _open_weights(options.weights) as file:
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


def _open_weights(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ImprintError(
            f"The weights file '{path}' does not exist. Give an existing .safetensors or .pth file."
        ) from error
