"""`embed`: run images through a foundation model and keep the embeddings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from imprint_core.cli.options import add_data_root, count
from imprint_core.datasets import DATASETS, Dataset, dataset, dataset_at
from imprint_core.embeddings.store import EXPLORED, SetInfo, open_set
from imprint_core.models import FOUNDATION_MODELS, foundation_model
from imprint_core.paths import user_folder

HELP = "run images through a foundation model and keep the embeddings"
DESCRIPTION = """\
Run a dataset's images through a frozen foundation model (FM) and write the embeddings, with a sidecar that says what
they are. The app then offers them, and imprinting on them takes milliseconds. Stop it with Ctrl-C, or kill it,
whenever you like: the same command goes on where it stopped.

An FM's weights are looked for in --weights, then in the weights folder, then in the library's own cache; only then
are they downloaded. Each FM gets its own preprocessing, and its classifier is taken off: an image becomes the vector
that its last layer would have seen.
"""
EPILOG = """\
examples:
  a look at CIFAR-10, 200 training images of each class
      python -m imprint_core embed --fm resnet50 --dataset cifar10 --per-class 200 --test-per-class 50
  another model of timm, with local weights
      python -m imprint_core embed --fm deit_tiny_patch16_224 --dataset mnist --weights deit.safetensors
  photographs of your own, in pets/cat/… and pets/dog/…
      python -m imprint_core embed --fm vit_b_16 --dataset pets
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--fm",
        required=True,
        metavar="NAME",
        help=f"foundation model: {', '.join(FOUNDATION_MODELS)}, or any classification model of torchvision or timm by "
        "its name there; resnet50.IMAGENET1K_V2 asks for other weights, timm/resnet18 for timm's",
    )
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help=f"dataset: {', '.join(DATASETS)}; or a path to a directory or zip of class folders "
        "(train/<class>/… and val/<class>/…, or <class>/…), or to an .npz with x_train, y_train, x_test, y_test",
    )
    parser.add_argument("--per-class", type=count, metavar="N", help="training samples of each class (default: all)")
    parser.add_argument("--test-per-class", type=count, metavar="N", help="test samples of each class (default: all)")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="a local state dict, keyed as the library keys it: .safetensors, or a .pth of tensors only",
    )
    parser.add_argument(
        "--weights-origin",
        default="",
        metavar="TEXT",
        help="where those weights come from and under which licence; kept in the sidecar",
    )
    add_data_root(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where to write the set (default: {user_folder()})")
    parser.add_argument(
        "--batch-size", type=count, default=64, metavar="N", help="images a forward pass (default: %(default)s)"
    )
    parser.add_argument(
        "--no-maps",
        action="store_true",
        help="leave out the base maps, which take about half a minute; the app then shows a PCA map",
    )
    parser.add_argument(
        "--low-priority", action="store_true", help="let other processes go first, as the app does with its own jobs"
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but what went wrong")


def named(text: str) -> Dataset:
    """A dataset by its name or path."""
    path = Path(text).expanduser()
    return dataset_at(path) if text not in DATASETS and (path.exists() or "/" in text) else dataset(text)


def arguments_of(options: argparse.Namespace) -> list[str]:
    """The arguments that start the same job again, from whatever folder."""
    paths = {"weights": options.weights, "data-root": options.data_root, "out": options.out}
    data = Path(options.dataset).expanduser()
    values = {
        "fm": options.fm,
        "dataset": options.dataset if options.dataset in DATASETS or not data.exists() else data.resolve(),
        "per-class": options.per_class,
        "test-per-class": options.test_per_class,
        "weights-origin": options.weights_origin,
        "batch-size": options.batch_size,
        **{name: path.expanduser().resolve() for name, path in paths.items() if path},
    }
    named_values = [text for name, value in values.items() if value for text in (f"--{name}", str(value))]
    return named_values + ["--no-maps"] * options.no_maps


def add_base_maps(info: SetInfo, report_stage: Callable[[str], None]) -> None:
    """Compute the base maps beside a set, unless they exist."""
    from imprint_core.maps.store import set_maps_path, write_default_maps

    if not set_maps_path(info).is_file():
        write_default_maps(
            open_set(info, EXPLORED), lambda name, share: report_stage(f"computing the base map: {name}")
        )


def run(options: argparse.Namespace) -> int:
    """Embed."""
    fm, data = foundation_model(options.fm), named(options.dataset)
    # torch is imported only once the names are known to be right.
    from tqdm import tqdm

    from imprint_core.background.memory import keep_freed_memory
    from imprint_core.background.process import record_command
    from imprint_core.embeddings.extraction import ExtractionJob, extract

    if options.low_priority and hasattr(os, "nice"):
        os.nice(10)
    keep_freed_memory()

    job = ExtractionJob(
        fm,
        data,
        options.out or user_folder(),
        options.data_root,
        options.per_class,
        options.test_per_class,
        options.weights,
        options.weights_origin,
        options.batch_size,
    )
    bars: list[tqdm[None]] = []

    def show(done: int, total: int) -> None:
        if not bars:
            # From here on a page can offer to resume the job.
            record_command(job.partial, "embed", arguments_of(options))
            # Batches from an earlier run count as done, but not towards the rate.
            label, quiet = f"{fm.label} on {data.label}", options.quiet
            bars.append(tqdm(unit=" images", desc=label, smoothing=0.05, disable=quiet, total=total, initial=done))
        bars[0].update(done - bars[0].n)
        if done == total and not options.quiet:
            bars[0].close()
            print("Writing the set" + (" …" if options.no_maps else " and computing its base maps …"))

    info = extract(job, show) if options.no_maps else extract(job, show, add_base_maps)
    if not options.quiet:
        print(f"Wrote {info.path}")
    return 0
